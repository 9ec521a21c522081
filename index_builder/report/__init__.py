"""An evaluation as one HTML page with pictures: people look before they read.

What is drawn is first made into small frozen dataclasses of plain numbers, which are written beside
the page as `report.json`; a picture is a pure function of one of them.
"""
