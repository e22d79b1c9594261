"""What it takes to run Isthmus: containers, and a stack on one machine."""
