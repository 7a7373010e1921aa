"""Asking providers again whether those who are here still may be, and ending what those have who may not."""
