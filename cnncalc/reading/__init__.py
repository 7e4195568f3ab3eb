"""What the readers of PyTorch's programs and of ONNX files have in common, without either: drafts of nodes, the steps
by which a program's ops become drafts, what several ops spell out that cnncalc has one for, and the names of all."""
