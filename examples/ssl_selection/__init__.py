"""A study: does RankMe choose hyperparameters of self-supervised learning? README.md tells."""
