-- How the tables that grow with every message are divided by month without giving up a promise.
-- docs/scaling.md says when and why; tests/delivery/test_partitions.py runs this file on a database
-- and then proves the promises on it. Run it once, in one transaction, with workers and beat stopped.
--
-- A unique constraint of a partitioned table must hold the partition key. So the key is the id, and
-- the month stands in its upper bits: id >> 36. Bounds are known for ever, and at a month's turn the
-- sequences jump to its first id, late or early without harm. What is unique over all months and
-- does not hold the id moves to narrow tables, kept by triggers, under the names it has today.

CREATE FUNCTION month_bound(months integer) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN months::bigint << 36;

-- --- dividing a table ------------------------------------------------------------------------
-- `key`: the column in whose upper bits the month stands; `uniques`: what stays unique by itself,
-- since it holds the key. The table as it is becomes month 0: no row is copied.
CREATE FUNCTION divide(whole text, key text, uniques text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part text := whole || '_0';
    sequence text := pg_get_serial_sequence(whole, key);
    newest bigint;
    made text[] := '{}';
    incoming text[] := '{}';
    each record;
BEGIN
    EXECUTE format('SELECT coalesce(max(%I), 0) FROM %I', key, whole) INTO newest;
    -- Whoever points at the whole table, points at it again afterwards.
    FOR each IN SELECT conname, conrelid::regclass AS source, pg_get_constraintdef(oid) AS definition
        FROM pg_constraint WHERE confrelid = whole::regclass AND contype = 'f' AND conparentid = 0
    LOOP
        incoming := incoming || format('ALTER TABLE %s ADD CONSTRAINT %I %s',
            each.source, each.conname, each.definition);
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', each.source, each.conname);
    END LOOP;
    -- What it checks, reads and fires, to be made of the whole; its own take the part's name.
    FOR each IN SELECT conname, pg_get_constraintdef(oid) AS definition
        FROM pg_constraint WHERE conrelid = whole::regclass AND contype = 'f' AND conparentid = 0
    LOOP
        made := made || format('ALTER TABLE %I ADD CONSTRAINT %I %s',
            whole, each.conname, each.definition);
    END LOOP;
    FOR each IN SELECT indexrelid::regclass AS name, indisunique, pg_get_indexdef(indexrelid) AS definition
        FROM pg_index WHERE indrelid = whole::regclass
    LOOP
        IF NOT each.indisunique THEN
            made := made || each.definition;
        END IF;
        EXECUTE format('ALTER INDEX %s RENAME TO %I', each.name, left(each.name::text, 60) || '_0');
    END LOOP;
    FOR each IN SELECT tgname, pg_get_triggerdef(oid) AS definition
        FROM pg_trigger WHERE tgrelid = whole::regclass AND NOT tgisinternal
    LOOP
        made := made || each.definition;
        EXECUTE format('DROP TRIGGER %I ON %I', each.tgname, whole);
    END LOOP;
    IF sequence IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %I ALTER %I DROP IDENTITY', whole, key);
    END IF;
    EXECUTE format('ALTER TABLE %I RENAME TO %I', whole, part);
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS '
        'INCLUDING GENERATED INCLUDING STORAGE, PRIMARY KEY (%I)) PARTITION BY RANGE (%I)',
        whole, part, key, key);
    IF sequence IS NOT NULL THEN
        EXECUTE format('CREATE SEQUENCE %s OWNED BY %I.%I', sequence, whole, key);
        PERFORM setval(sequence, newest + 1, false);
        EXECUTE format('ALTER TABLE %I ALTER %I SET DEFAULT nextval(%L)', whole, key, sequence);
    END IF;
    FOR i IN 1 .. coalesce(array_length(uniques, 1), 0) LOOP
        EXECUTE format('ALTER TABLE %I ADD %s', whole, uniques[i]);
    END LOOP;
    -- Its indexes and foreign keys fit those of the whole, so they are taken over as they are.
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%s)',
        whole, part, month_bound(1));
    FOR i IN 1 .. coalesce(array_length(made, 1), 0) LOOP
        EXECUTE made[i];
    END LOOP;
    FOR i IN 1 .. coalesce(array_length(incoming, 1), 0) LOOP
        EXECUTE incoming[i];
    END LOOP;
END $$;

-- --- months ------------------------------------------------------------------------------------
-- Made ahead, and more of them each month; a row of a month that has no table is refused.
CREATE FUNCTION make_months(whole text, months integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR month IN 1 .. months LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%s) TO (%s)',
            whole || '_' || month, whole, month_bound(month), month_bound(month + 1));
    END LOOP;
END $$;

-- What beat calls at a month's turn, as often as it likes: from now on ids are that month's.
CREATE FUNCTION begin_month(whole text, key text, month integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    sequence text := pg_get_serial_sequence(whole, key);
    newest bigint;
BEGIN
    EXECUTE format('SELECT last_value FROM %s', sequence) INTO newest;
    PERFORM setval(sequence, greatest(newest, month_bound(month)));
END $$;

SELECT divide('delivery_delivery', 'id',
    ARRAY['CONSTRAINT delivery_and_account UNIQUE (id, x_account_id)']);
SELECT divide('delivery_attempt', 'id', '{}');
SELECT divide('audit_auditevent', 'id', '{}');
SELECT divide('audit_auditdetail', 'event_id', '{}');
SELECT make_months(whole, 3) FROM unnest(ARRAY[
    'delivery_delivery', 'delivery_attempt', 'audit_auditevent', 'audit_auditdetail']) whole;

-- --- what is unique over all months --------------------------------------------------------------
-- Letters in the air, open attempts: as many rows as there are calls under way. A claim's token is
-- unique among those; afterwards nobody asks for it, and 122 random bits meet nobody's.
CREATE TABLE delivery_intheair (
    x_account_id bigint NOT NULL,
    recipient_x_user_id bigint NOT NULL,
    CONSTRAINT one_in_the_air_to_a_person PRIMARY KEY (x_account_id, recipient_x_user_id)
);
CREATE TABLE delivery_openattempt (
    delivery_id bigint CONSTRAINT one_open_attempt_a_delivery PRIMARY KEY,
    claim_token uuid NOT NULL CONSTRAINT delivery_attempt_claim_token_key UNIQUE
);
-- As many rows as there are letters that may still leave.
CREATE TABLE delivery_ofrevision (
    revision_id bigint CONSTRAINT one_live_delivery_a_revision PRIMARY KEY
);
-- One row a letter or a message for ever, a number each. X's ids hold their time as well
-- (milliseconds << 22), and an approval's id grows, so these two can be divided in turn.
CREATE TABLE delivery_ofapproval (
    approval_id bigint CONSTRAINT delivery_delivery_approval_id_key PRIMARY KEY
);
CREATE TABLE delivery_dmofattempt (
    dm_event_id bigint CONSTRAINT delivery_attempt_dm_event_id_key PRIMARY KEY
);

CREATE FUNCTION delivery_is_unique() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    air CONSTANT text[] := ARRAY['sending', 'uncertain'];
    live CONSTANT text[] := ARRAY['queued', 'sending', 'blocked', 'uncertain'];
    was_in_air boolean := TG_OP = 'UPDATE' AND OLD.state = ANY (air);
    was_live boolean := TG_OP = 'UPDATE' AND OLD.state = ANY (live);
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO delivery_ofapproval VALUES (NEW.approval_id);
    END IF;
    IF NEW.state = ANY (air) AND NOT was_in_air THEN
        INSERT INTO delivery_intheair VALUES (NEW.x_account_id, NEW.recipient_x_user_id);
    ELSIF was_in_air AND NOT NEW.state = ANY (air) THEN
        DELETE FROM delivery_intheair
        WHERE (x_account_id, recipient_x_user_id) = (OLD.x_account_id, OLD.recipient_x_user_id);
    END IF;
    IF NEW.state = ANY (live) AND NOT was_live THEN
        INSERT INTO delivery_ofrevision VALUES (NEW.revision_id);
    ELSIF was_live AND NOT NEW.state = ANY (live) THEN
        DELETE FROM delivery_ofrevision WHERE revision_id = OLD.revision_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER delivery_is_unique AFTER INSERT OR UPDATE OF state ON delivery_delivery
    FOR EACH ROW EXECUTE FUNCTION delivery_is_unique();

CREATE FUNCTION delivery_attempt_is_unique() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    open CONSTANT text[] := ARRAY['posting', 'uncertain'];
    was_open boolean := TG_OP = 'UPDATE' AND OLD.outcome = ANY (open);
    was_dm bigint := CASE WHEN TG_OP = 'UPDATE' THEN OLD.dm_event_id END;
BEGIN
    IF NEW.outcome = ANY (open) AND NOT was_open THEN
        INSERT INTO delivery_openattempt VALUES (NEW.delivery_id, NEW.claim_token);
    ELSIF was_open AND NOT NEW.outcome = ANY (open) THEN
        DELETE FROM delivery_openattempt WHERE delivery_id = OLD.delivery_id;
    END IF;
    IF NEW.dm_event_id IS DISTINCT FROM was_dm THEN
        DELETE FROM delivery_dmofattempt WHERE dm_event_id = was_dm;
        IF NEW.dm_event_id IS NOT NULL THEN
            INSERT INTO delivery_dmofattempt VALUES (NEW.dm_event_id);
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER delivery_attempt_is_unique
    AFTER INSERT OR UPDATE OF outcome, dm_event_id ON delivery_attempt
    FOR EACH ROW EXECUTE FUNCTION delivery_attempt_is_unique();

-- What is there already.
INSERT INTO delivery_ofapproval SELECT approval_id FROM delivery_delivery;
INSERT INTO delivery_intheair SELECT x_account_id, recipient_x_user_id FROM delivery_delivery
    WHERE state IN ('sending', 'uncertain');
INSERT INTO delivery_ofrevision SELECT revision_id FROM delivery_delivery
    WHERE state IN ('queued', 'sending', 'blocked', 'uncertain');
INSERT INTO delivery_openattempt SELECT delivery_id, claim_token FROM delivery_attempt
    WHERE outcome IN ('posting', 'uncertain');
INSERT INTO delivery_dmofattempt SELECT dm_event_id FROM delivery_attempt
    WHERE dm_event_id IS NOT NULL;
