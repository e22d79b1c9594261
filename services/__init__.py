"""The programs of Isthmus: each package is one process; they import `common`, never each other."""
