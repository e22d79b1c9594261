"""`python -m services.cli`."""

from services.cli.app import build_app

if __name__ == "__main__":
    build_app()(prog_name="isthmus")
