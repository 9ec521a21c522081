"""`python -m scheduler_client`."""

import sys

if __name__ == "__main__":
    try:
        from scheduler_client.cli.commands import main

        code = main()
    except KeyboardInterrupt:
        code = 130  # 128 + SIGINT, as shells report it
    sys.exit(code)
