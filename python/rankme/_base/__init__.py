"""Arguments, arrays, devices, threads, errors, whole files: what knows nothing of RankMe."""
