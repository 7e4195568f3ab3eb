"""The documents' tables and claims as data, and the code that holds them against the calculator.

>>> from cnncalc.documents.check import check
>>> [cell.verdict.value for cell in check("inception-block").cells[:2]]
['cut off', 'cut off']
"""
