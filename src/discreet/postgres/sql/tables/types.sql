SET ROLE discreet_gate;

-- `party`: the contact; the agent in a shared scope; the owner in the owner's. `known`: the ticket holds.
CREATE TYPE gate.scope AS (
  owner_id uuid, agent_id uuid, contact_id uuid, party uuid, known boolean);

-- A message as a channel has read it. sender_kind: 'address' (sender_platform, sender_id), 'contact'
-- (sender_contact) or 'owner'. files: a list of objects; '[]' where there is none.
-- details: what it holds beside its words. edit_of: the message whose text it replaces, '' where none. What has to wait
-- outside of a session is kept as the JSON of this.
CREATE TYPE gate.inbound AS (
  channel          uuid,
  chat             text,
  platform_thread  text,
  platform_message text,
  written_at       timestamptz,
  sender_kind      text,
  sender_platform  text,
  sender_id        text,
  sender_contact   uuid,
  sender_display   text,
  group_platform   text,
  group_id         text,
  group_name       text,
  thread           text,
  force_new        boolean,
  body             text,
  in_reply_to      text,
  addressed        boolean,
  album_id         text,
  files            jsonb,
  limited          boolean,
  details          jsonb,
  edit_of          text
);
