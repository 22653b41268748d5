"""From a crawl to clean tokens: steps that each keep, change or reject a document, and what runs them."""
