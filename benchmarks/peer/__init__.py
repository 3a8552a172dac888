"""What the product is measured against: the shop as it is usually built, and servers that do nothing."""
