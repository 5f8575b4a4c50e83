#: Text as a range, which PostgreSQL's own GiST compares: so a rule may be about equal
#: texts at overlapping times, without an extension (btree_gist) that few servers have.
TEXT_RANGE = """
    DO $$ BEGIN
        IF to_regtype('omni_billing_text_range') IS NULL THEN
            CREATE TYPE omni_billing_text_range AS RANGE (
                subtype = text, collation = "C"
            );
        END IF;
    END $$
"""


def pre_init_hook(env):
    """Have what keeps two services from one number at the same time."""
    env.cr.execute(TEXT_RANGE)


def uninstall_hook(env):
    """Drop what Odoo does not know of: it has a view of events, not their tables."""
    env.cr.execute("DROP FUNCTION IF EXISTS omni_billing_usage_keep_service() CASCADE")
    env.cr.execute("DROP TABLE IF EXISTS omni_billing_usage_event CASCADE")
    env.cr.execute("DROP TABLE IF EXISTS omni_billing_usage_key")
    env.cr.execute("DROP TABLE IF EXISTS omni_billing_usage_mark")
    env.cr.execute("DROP TYPE IF EXISTS omni_billing_text_range CASCADE")
