"""Sign-in: two factors, sessions and the tokens that name them."""
