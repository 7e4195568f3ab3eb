"""Tests of the tables of the documents."""
