"""How a bundle's classifier holds when photos are worse than those it learned from."""
