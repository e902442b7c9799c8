"""Show HTML where it can be shown, its text elsewhere."""


def display_html(markup: str, text: str) -> None:
    from IPython.display import display

    display({"text/html": markup, "text/plain": text}, raw=True)
