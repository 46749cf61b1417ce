"""A service that embeds sentences, with a monitor in it and a page for Prometheus."""
