"""Teachers: trained here, or the user's own file; asked for logits, never changed."""
