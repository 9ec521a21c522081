"""What happens to rows before they become records: unpacked, joined, filtered, counted."""
