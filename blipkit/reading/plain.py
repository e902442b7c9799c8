"""What plain values may be, whichever notation they came in."""

DEPTH = 50  # of lists and mappings in one another
LARGEST = 2**63  # integers are of 64 bits, as arrays and files hold them


def check_int(value: int) -> int:
    """The integer, if 64 bits hold it; ValueError otherwise."""
    if not -LARGEST <= value < LARGEST:
        raise ValueError(f"an integer of {value.bit_length()} bits is above 64 bits")
    return value


def check_text(text: str) -> str:
    """The text, if every character of it is whole; ValueError otherwise: no file could hold it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair stands in a text") from None
    return text
