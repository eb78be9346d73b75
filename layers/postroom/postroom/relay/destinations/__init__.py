"""Where a message goes, and how the other side must prove itself."""
