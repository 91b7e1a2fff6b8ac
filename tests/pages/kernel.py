"""What a kernel is told before it runs a page, so that the page looks the same everywhere."""

import pandas as pd

from tests.pages.pictures import STYLE, svg_of

COLUMNS = 100  # of a line of output


def prepare():
    """Show figures as SVG that holds its data, in one style, and tables in one width."""
    import numpy as np
    from IPython import get_ipython

    np.set_printoptions(linewidth=COLUMNS)
    pd.set_option("display.width", COLUMNS, "display.max_columns", 20)
    shell = get_ipython()
    shell.run_line_magic("matplotlib", "inline")  # first: it sets formatters of its own
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams.update(STYLE)
    formatters = shell.display_formatter.formatters
    for formatter in formatters.values():
        formatter.pop(Figure, None)
    formatters["image/svg+xml"].for_type(Figure, svg_of)
