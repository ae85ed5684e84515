"""What the image door needs to know of file formats: `core.data.images` alone asks here."""
