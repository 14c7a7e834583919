"""What PostgreSQL's catalogue says of the current schema: one line for each thing in it."""

_COLUMNS = """
SELECT string_agg(
    quote_ident(k.attname) || ' ' || format_type(k.atttypid, k.atttypmod)
    || CASE WHEN k.attnotnull THEN ' NOT NULL' ELSE '' END
    || COALESCE(' COLLATE ' || (SELECT l.collname FROM pg_collation l
                                WHERE l.oid = k.attcollation AND l.collname <> 'default'), '')
    || COALESCE(' DEFAULT ' || (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d
                                WHERE d.adrelid = k.attrelid AND d.adnum = k.attnum), '')
    || k.attgenerated::text || k.attidentity::text,
    ', ' ORDER BY k.attnum)
FROM pg_attribute k WHERE k.attrelid = c.oid AND k.attnum > 0 AND NOT k.attisdropped
"""
_CONSTRAINTS = """
SELECT string_agg(
    ', CONSTRAINT ' || quote_ident(o.conname) || ' ' || pg_get_constraintdef(o.oid)
    || CASE WHEN o.convalidated THEN '' ELSE ' NOT VALID' END,
    '' ORDER BY o.conname)
FROM pg_constraint o WHERE o.conrelid = c.oid AND o.contype <> 't'
"""
_RULES = """
SELECT string_agg('; ' || pg_get_ruledef(w.oid), '' ORDER BY w.rulename)
FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.rulename <> '_RETURN'
"""
_POLICIES = """
SELECT string_agg('; POLICY ' || quote_ident(y.polname), '' ORDER BY y.polname)
FROM pg_policy y WHERE y.polrelid = c.oid
"""
_PARENTS = """
SELECT string_agg('; INHERITS ' || h.inhparent::regclass, '' ORDER BY h.inhparent::regclass::text)
FROM pg_inherits h WHERE h.inhrelid = c.oid
"""
_OFF = """
SELECT string_agg('; DISABLED ' || g.tgfoid::regproc, '' ORDER BY g.tgfoid)
FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgisinternal AND g.tgenabled NOT IN ('O', 'A')
"""
# Temporary tables are how what should be is made; of the ledger itself none may be.
_KIND = """
CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'TABLE' WHEN 'v' THEN 'VIEW'
     WHEN 'm' THEN 'VIEW' WHEN 'i' THEN 'INDEX' WHEN 'S' THEN 'SEQUENCE' ELSE 'RELATION' END
"""
_TRIGGER = """
CASE WHEN starts_with(g.tgname::text, c.relname || '_') THEN g.tgname::text
     ELSE g.tgname || ' on ' || c.relname END
"""

# Nothing of it comes from outside.
CATALOG = f"""
WITH here AS (SELECT n.oid, n.nspname FROM pg_namespace n WHERE n.nspname = current_schema()),
own AS (
    SELECT c.*, here.nspname FROM pg_class c JOIN here ON here.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT 1 FROM pg_depend e
                      WHERE e.objid = c.oid AND e.classid = 'pg_class'::regclass
                            AND e.deptype = 'e')
)
SELECT c.relname::text, 'CREATE ' || {_KIND} || ' ' || quote_ident(c.relname) || ' ' || CASE
    WHEN c.relkind IN ('v', 'm') THEN 'AS ' || pg_get_viewdef(c.oid)
    WHEN c.relkind = 'i' THEN (SELECT pg_get_indexdef(x.indexrelid)
        || CASE WHEN x.indisvalid THEN '' ELSE ' INVALID' END
        FROM pg_index x WHERE x.indexrelid = c.oid)
    ELSE '(' || COALESCE(({_COLUMNS}), '') || COALESCE(({_CONSTRAINTS}), '') || ')'
        || CASE c.relpersistence WHEN 'u' THEN ' UNLOGGED' ELSE '' END
        || CASE WHEN c.relkind IN ('r', 'S') THEN '' ELSE ' KIND ' || c.relkind::text END
        || CASE WHEN c.relrowsecurity THEN ' ROW SECURITY' ELSE '' END
        || COALESCE(({_POLICIES}), '') || COALESCE(({_PARENTS}), '') || COALESCE(({_OFF}), '')
    END || COALESCE(({_RULES}), ''), c.nspname::text
FROM own c WHERE c.relkind NOT IN ('c', 't')
UNION ALL
SELECT {_TRIGGER}, pg_get_triggerdef(g.oid, true) || CASE g.tgenabled
    WHEN 'A' THEN ' ALWAYS' WHEN 'O' THEN '' WHEN 'R' THEN ' REPLICA' ELSE ' DISABLED' END,
    c.nspname::text
FROM pg_trigger g JOIN own c ON c.oid = g.tgrelid WHERE NOT g.tgisinternal
UNION ALL
SELECT p.proname || '()', 'CREATE FUNCTION ' || p.proname || '('
    || pg_get_function_arguments(p.oid) || ') RETURNS ' || format_type(p.prorettype, NULL)
    || ' ' || l.lanname || ' ' || p.provolatile::text
    || CASE WHEN p.prosecdef THEN ' DEFINER' ELSE '' END
    || COALESCE(p.proconfig::text, '') || ' AS ' || p.prosrc, here.nspname::text
FROM pg_proc p JOIN here ON here.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.objid = p.oid
                  AND e.classid = 'pg_proc'::regclass AND e.deptype = 'e')
"""  # noqa: S608 # words of this file
