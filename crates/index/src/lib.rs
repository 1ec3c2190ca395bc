//! Nearest neighbours of unit vectors, exact and by graph.
