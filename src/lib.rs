//! Durable local-first storage for AI chat and agent apps.
