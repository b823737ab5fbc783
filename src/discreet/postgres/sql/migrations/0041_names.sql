-- Functions, triggers and columns get names that say what they do. What calls a function by its identity (policies,
-- triggers, constraints, generated columns) follows; the bodies of functions are applied after this. A name
-- that this database doesn't have yet is skipped.
SET ROLE discreet_gate;
DO $$
DECLARE
  renamed record;
BEGIN
  FOR renamed IN
    SELECT p.oid::regprocedure AS function, names.after
      FROM (VALUES
    ('why_not_deletable', 'deletion_blocker'),
    ('erase_known_only_to', 'erase_exclusive_contacts'),
    ('drop_rows_of_agent', 'delete_agent_rows'),
    ('drop_agent', 'delete_agent_and_settings'),
    ('give_rows_of_agent', 'transfer_agent_rows'),
    ('give_memories_of_agent', 'transfer_agent_memories'),
    ('mcp_session_of', 'mcp_session_with_ticket'),
    ('bearer_of', 'token_scope_with_ticket'),
    ('tell_of_access', 'notify_access_changed'),
    ('note_access', 'record_access'),
    ('access_of_scope', 'list_access'),
    ('made_of', 'explain_last_answer'),
    ('keep_decoys', 'sync_decoys'),
    ('erase_unsorted', 'erase_unassigned'),
    ('expire_unsorted', 'expire_unassigned'),
    ('drop_jobs', 'delete_jobs'),
    ('digest_of', 'keyed_digest'),
    ('was_erased', 'predates_erasure'),
    ('erase_elsewhere', 'erase_from_other_sessions'),
    ('said_elsewhere', 'messages_in_other_sessions'),
    ('forget_whose_were_read', 'anonymize_turn_reads'),
    ('agents_of', 'agent_ids'),
    ('words_to_the_owner', 'owner_messages_about'),
    ('turns_shown', 'owner_turns_showing'),
    ('empty_turns', 'clear_turns'),
    ('digest_of_contact', 'contact_digest'),
    ('take_over_name', 'update_display_name'),
    ('known_contact', 'find_contact'),
    ('join_group', 'reassign_group_address'),
    ('label_by_channel', 'apply_channel_labels'),
    ('person_here', 'current_person'),
    ('ask_to_link', 'create_link_code'),
    ('enter_link_code', 'redeem_link_code'),
    ('refuse_merged', 'reject_merged_contact'),
    ('give_rows', 'move_linked_rows'),
    ('rows_of_link', 'linked_row_ids'),
    ('why_not_mergeable', 'merge_blocker'),
    ('only_word', 'single_word'),
    ('note_opt_out', 'record_opt_out'),
    ('one_person', 'contact_with_merged'),
    ('last_heard', 'last_inbound_message'),
    ('why_not_told', 'tell_contact_blocker'),
    ('take_message', 'ingest_message'),
    ('not_admitted', 'admission_refusal'),
    ('admit', 'admit_sender'),
    ('refuse_shared_and_open', 'reject_open_shared_agent'),
    ('turned_away', 'message_refusal'),
    ('new_code', 'generate_code'),
    ('as_code', 'parse_code'),
    ('command_of', 'parse_command'),
    ('command_in', 'message_command'),
    ('decision_of', 'parse_owner_decision'),
    ('without_name', 'strip_agent_name'),
    ('is_usage', 'is_valid_usage'),
    ('refuse_to_count_less', 'prevent_undercounting'),
    ('replace_edited', 'apply_edit'),
    ('waiting_command_of', 'waiting_command'),
    ('edit_as_line', 'edit_as_context'),
    ('limits_of', 'contact_limits'),
    ('budget_is_used_up', 'is_budget_exhausted'),
    ('limit_reached', 'exceeded_limit'),
    ('over_limit', 'enforce_limits'),
    ('note_owner_chat', 'record_owner_chat'),
    ('owners_to_tell', 'owners_to_notify'),
    ('begin_telling_owner', 'begin_owner_notices'),
    ('tell_owner', 'notify_owner'),
    ('links_owner', 'redeem_owner_code'),
    ('ask_to_pair', 'request_pairing'),
    ('pairing_of_code', 'find_pairing'),
    ('accept_again', 'replay_held_messages'),
    ('tell_unreadable', 'notify_unreadable'),
    ('is_chat', 'is_same_chat'),
    ('answer_taken_as', 'find_answer_by_platform_id'),
    ('note_receipt', 'record_receipt'),
    ('reply_to_what_was_said', 'validate_reply_target'),
    ('line_replied_to', 'find_replied_message'),
    ('kept_details', 'details_to_store'),
    ('channels_for', 'channel_and_branches'),
    ('speaker_of', 'resolve_speaker'),
    ('joined_details', 'merge_details'),
    ('purge_expired', 'purge_expired_memories'),
    ('refuse_too_many_memories', 'enforce_memory_limit'),
    ('plain_text', 'normalize_text'),
    ('defer', 'defer_job'),
    ('note_failure', 'record_failure'),
    ('is_put_off', 'is_backing_off'),
    ('forget_failures', 'clear_failures'),
    ('failing_work', 'list_failures'),
    ('tell_waiting', 'notify_waiting_clients'),
    ('tell_of_state', 'notify_state_changed'),
    ('tell_of_turn', 'notify_turn_changed'),
    ('tell_of_draft', 'notify_draft_changed'),
    ('tell_of_delivery', 'notify_delivery_changed'),
    ('tell_of_channels', 'notify_channels_changed'),
    ('deliver_outbox', 'schedule_delivery'),
    ('leads_back', 'may_send_on_route'),
    ('scope_of_job', 'job_scope'),
    ('tell_of_freed', 'notify_locks_freed'),
    ('tell_workers', 'notify_workers'),
    ('speak_for', 'send_as_owner'),
    ('speak_in_person', 'reply_in_person'),
    ('pass_on', 'relay_to_contact'),
    ('command_of_owner', 'owner_command'),
    ('drop_lost_turn', 'mark_turn_lost'),
    ('drop_draft', 'delete_draft'),
    ('hold_turn', 'verify_turn_lease'),
    ('has_locked_session', 'try_lock_session'),
    ('why_withheld', 'withheld_reason'),
    ('why_reminder_waits', 'reminder_delay_reason'),
    ('why_reminder_ends', 'reminder_end_reason'),
    ('place_of_reminder', 'reminder_destination'),
    ('say_reminder', 'send_reminder'),
    ('session_of_reminder', 'reminder_session'),
    ('horizons', 'retention_cutoffs'),
    ('on_hold', 'is_on_hold'),
    ('furnish_audit', 'seed_audit'),
    ('furnish_audit_contact', 'seed_audit_contact'),
    ('enter', 'enter_scope'),
    ('connection_of_link', 'find_connection_by_link'),
    ('open_connection', 'redeem_connection_link'),
    ('return_to_connection', 'resume_sign_in'),
    ('connects_here', 'is_own_connection'),
    ('claim_renewal', 'claim_token_renewal'),
    ('keep_tokens', 'store_tokens'),
    ('drop_expired_connections', 'delete_expired_connections'),
    ('servers_to_connect', 'connectable_servers'),
    ('ask_for_call', 'request_call')
      ) names (before, after)
      JOIN pg_proc p ON p.proname = names.before AND p.pronamespace = 'gate'::regnamespace
  LOOP
    EXECUTE format('ALTER FUNCTION %s RENAME TO %I', renamed.function, renamed.after);
  END LOOP;
END $$;
-- The parameters of these have other names now, which CREATE OR REPLACE can't change. Nothing calls them by
-- their identity; they are created again after this.
DO $$
DECLARE
  dropped regprocedure;
BEGIN
  FOR dropped IN
    SELECT p.oid FROM pg_proc p
     WHERE p.pronamespace = 'gate'::regnamespace AND p.proname IN (
      'add_reminder', 'anonymize_turn_reads', 'apply_retention', 'ask_for_person',
      'begin_mcp_session', 'begin_sign_in', 'begin_turn', 'bind_mcp_session',
      'claim_idempotency_key', 'claim_token_renewal', 'confirm_erasure', 'connecting_party',
      'contacts_with_digests', 'dashboard_session', 'delete_agent', 'deletion_blocker',
      'due_erasures', 'end_mcp_session', 'enter_connection_code', 'erase_from_other_sessions',
      'erase_quotes', 'erase_rows', 'erase_unassigned', 'expire_messages', 'expired_files',
      'expired_memories', 'expired_messages', 'expired_versions', 'find_connection_by_link',
      'finish_sign_in', 'fire_reminder', 'forget_memory', 'link_alias', 'linked_row_ids',
      'mark_turn_lost', 'mcp_session', 'mcp_session_with_ticket', 'merge_contacts',
      'messages_in_other_sessions', 'metrics_owner', 'mint_token', 'move_linked_rows',
      'offer_connection', 'owner_messages_about', 'owner_turns_showing', 'purge_events',
      'purge_expired_memories', 'purge_mcp_sessions', 'reassign_group_address', 'record_access',
      'record_event', 'redeem_connection_link', 'renew_idempotency_key', 'request_call',
      'restore_memory', 'resume_sign_in', 'retention_cutoffs', 'runnable_queues', 'seed_audit',
      'seed_audit_contact', 'send_reminder', 'set_time_zone', 'settle_idempotency_key', 'sign_in',
      'store_tokens', 'sweep', 'take_expired_sign_ins', 'take_job', 'token_scope',
      'token_scope_with_ticket', 'transfer_agent_memories', 'transfer_agent_rows')
  LOOP
    EXECUTE format('DROP FUNCTION %s', dropped);
  END LOOP;
END $$;
SET ROLE discreet_schema;
ALTER TRIGGER shared_and_open ON discreet.agents RENAME TO reject_open_shared_agent;
ALTER TRIGGER shared_and_open ON discreet.channels RENAME TO reject_open_shared_agent;
ALTER TRIGGER tell_of_channels ON discreet.channels RENAME TO notify_channels_changed;
ALTER TRIGGER tell_of_channels ON discreet.channel_secrets RENAME TO notify_channels_changed;
ALTER TRIGGER refuse_merged ON discreet.contact_labels RENAME TO reject_merged_contact;
ALTER TRIGGER tell_of_access ON discreet.contacts RENAME TO notify_access_changed;
ALTER TRIGGER tell_of_erasure ON discreet.contacts RENAME TO notify_erasure;
ALTER TRIGGER tell_waiting ON discreet.drafts RENAME TO notify_waiting_clients;
ALTER TRIGGER archive ON discreet.memories RENAME TO archive_memory;
ALTER TRIGGER refuse_merged ON discreet.memories RENAME TO reject_merged_contact;
ALTER TRIGGER too_many ON discreet.memories RENAME TO enforce_memory_limit;
ALTER TRIGGER reply_to_what_was_said ON discreet.messages RENAME TO validate_reply_target;
ALTER TRIGGER stay_counted ON discreet.messages RENAME TO prevent_undercounting;
ALTER TRIGGER tell_waiting ON discreet.messages RENAME TO notify_waiting_clients;
ALTER TRIGGER deliver ON discreet.outbox RENAME TO schedule_delivery;
ALTER TRIGGER early_receipts ON discreet.outbox RENAME TO apply_early_receipts;
ALTER TRIGGER tell_waiting ON discreet.outbox RENAME TO notify_waiting_clients;
ALTER TRIGGER refuse_merged ON discreet.sessions RENAME TO reject_merged_contact;
ALTER TRIGGER tell_of_access ON discreet.tokens RENAME TO notify_access_changed;
ALTER TRIGGER stay_counted ON discreet.turns RENAME TO prevent_undercounting;
ALTER TABLE discreet.idempotency_keys RENAME COLUMN asked TO request_digest;
ALTER TABLE discreet.idempotency_keys RENAME COLUMN made TO result_id;
ALTER TABLE discreet.linked_rows RENAME COLUMN was TO previous_value;
ALTER TABLE discreet.outbox RENAME COLUMN doubted_at TO uncertain_since;
ALTER TABLE discreet.sessions RENAME COLUMN speaks_to TO takeover_contact_id;
ALTER TABLE discreet.sessions
  RENAME CONSTRAINT sessions_speaks_to_owner_id_fkey TO sessions_takeover_contact_id_owner_id_fkey;
ALTER TABLE discreet.webhooks RENAME COLUMN told_tx TO last_event_tx;
ALTER TABLE discreet.webhooks RENAME COLUMN told_at TO last_event_at;
ALTER TABLE discreet.webhooks RENAME COLUMN told_id TO last_event_id;
COMMENT ON COLUMN discreet.webhooks.last_event_tx IS 'with last_event_at and last_event_id: the last event that was sent';
-- PostgreSQL 18 names these constraints after their columns. Earlier versions have none.
DO $$
DECLARE
  renamed record;
BEGIN
  FOR renamed IN
    SELECT c.conrelid::regclass AS of_table, c.conname, names.after
      FROM (VALUES
        ('idempotency_keys_asked_not_null', 'idempotency_keys_request_digest_not_null'),
        ('webhooks_told_tx_not_null', 'webhooks_last_event_tx_not_null'),
        ('webhooks_told_at_not_null', 'webhooks_last_event_at_not_null'),
        ('webhooks_told_id_not_null', 'webhooks_last_event_id_not_null')
      ) names (before, after)
      JOIN pg_constraint c ON c.conname = names.before AND c.connamespace = 'discreet'::regnamespace
  LOOP
    EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', renamed.of_table, renamed.conname, renamed.after);
  END LOOP;
END $$;
