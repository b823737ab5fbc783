"""WhatsApp: phone numbers of a business, over the official Cloud API."""
