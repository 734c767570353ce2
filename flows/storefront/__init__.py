"""The demo's shop: a few pages over a plan's catalog, served by the edge itself, whose visitors are followed by beckon.js."""
