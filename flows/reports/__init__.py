"""Reports as pages: one HTML file each, with its style and its pictures in it, for the screen and for paper."""
