-- Rows in the tables that the program fills only now and then, so that every table has some.
CREATE TEMPORARY TABLE of_ann ON COMMIT DROP AS
SELECT t.id AS turn_id, t.session_id, t.owner_id, t.agent_id, t.contact_id, ch.id AS channel_id,
       m.id AS message_id
  FROM discreet.addresses a
  JOIN discreet.turns t ON t.contact_id = a.contact_id
  JOIN discreet.channels ch ON ch.agent_id = t.agent_id AND ch.platform = 'telegram'
  JOIN discreet.messages m ON m.session_id = t.session_id AND m.direction = 'in'
 WHERE a.platform = 'telegram' AND a.platform_id = '1001'
 ORDER BY t.started_at, t.id, m.created_at, m.id LIMIT 1;

INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
SELECT channel_id, contact_id, owner_id, agent_id FROM of_ann;
INSERT INTO discreet.budgets (owner_id, agent_id, tokens_a_day, money_a_day)
SELECT owner_id, agent_id, 1000000000, 12.5 FROM of_ann
 UNION ALL SELECT owner_id, NULL, NULL, 99 FROM of_ann;
INSERT INTO discreet.channel_secrets (owner_id, platform, account, sealed)
SELECT owner_id, 'telegram', 'another', '\x01' FROM of_ann;
INSERT INTO discreet.drafts (turn_id, owner_id, agent_id, contact_id, shared, text)
SELECT turn_id, owner_id, agent_id, contact_id, false, 'Hel' FROM of_ann;
INSERT INTO discreet.early_receipts (owner_id, channel_id, chats, platform_message, stage, at, why)
SELECT owner_id, channel_id, ARRAY['1001'], '900', 'read', now(), '' FROM of_ann;
INSERT INTO discreet.held_answers (owner_id, session_id, turn_id, text)
SELECT owner_id, session_id, turn_id, 'May I say this?' FROM of_ann;
INSERT INTO discreet.idempotency_keys (token_id, digest, owner_id, request_digest)
SELECT id, '\x02', owner_id, '\x03' FROM discreet.tokens;
INSERT INTO discreet.limit_hits (agent_id, contact_id, kind, owner_id, until)
SELECT agent_id, contact_id, 'messages_a_minute', owner_id, now() FROM of_ann;
INSERT INTO discreet.link_requests (owner_id, contact_id, digest, expires_at)
SELECT owner_id, contact_id, '\x04', now() + interval '1 hour' FROM of_ann;
INSERT INTO discreet.mcp_sessions (digest, token_id, owner_id)
SELECT uuid_send(id), id, owner_id FROM discreet.tokens;
INSERT INTO discreet.owner_chats (owner_id, platform, platform_id, agent_id, channel_id, chat_id)
SELECT owner_id, 'telegram', '77', agent_id, channel_id, '77' FROM of_ann;
INSERT INTO discreet.owner_links (owner_id, platform, digest, expires_at)
SELECT owner_id, 'telegram', '\x06', now() + interval '1 hour' FROM of_ann;
INSERT INTO discreet.owner_notices (owner_id, kind, key, contact_id, message_id)
SELECT owner_id, 'person', 'key', contact_id, message_id FROM of_ann;
INSERT INTO discreet.owner_term_stats (owner_id, word, document_frequency)
SELECT owner_id, 'tea', 3 FROM of_ann ON CONFLICT DO NOTHING;
INSERT INTO discreet.person_requests (owner_id, session_id, turn_id, reason, ends_at, is_awaited)
SELECT owner_id, session_id, turn_id, 'a refund', now(), false FROM of_ann;
INSERT INTO discreet.tool_calls (owner_id, session_id, server_id, called, arguments, shown_to, expires_at)
SELECT a.owner_id, a.session_id, s.id, 'shop__find', '{"what": "tea"}', 'telegram:1001', now() + interval '1 hour'
  FROM of_ann a JOIN discreet.tool_servers s USING (owner_id);
INSERT INTO discreet.connections (owner_id, agent_id, contact_id, server_id, state, link_hash, sealed)
SELECT a.owner_id, s.agent_id, a.contact_id, s.id, 'connected', '\x09', '\x0a'
  FROM of_ann a JOIN discreet.tool_servers s USING (owner_id);
INSERT INTO discreet.web_chats (id, owner_id, agent_id, name, origins, public_key, minter_id)
SELECT gen_random_uuid(), a.owner_id, a.agent_id, 'shop', '{https://shop.example}', 'a key', t.id
  FROM of_ann a JOIN discreet.tokens t USING (owner_id) LIMIT 1;
INSERT INTO discreet.webhooks (id, owner_id, url, sealed)
SELECT gen_random_uuid(), owner_id, 'https://shop.example/told', '\x08' FROM of_ann;
INSERT INTO discreet.wrong_codes (owner_id, sender, contact_id)
SELECT owner_id, '\x07', contact_id FROM of_ann;
INSERT INTO queue.failures (lock, error, next_try_at)
SELECT 'turn:' || session_id, 'RuntimeError', now() FROM of_ann;
