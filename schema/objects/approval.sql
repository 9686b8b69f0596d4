-- How many approvals wait is asked at every look at the console.
-- A blank line ends a statement; there is none inside one. Forward only: a change is a new file, never an edit.

CREATE INDEX approval_pending ON approval (expires_at_ms) WHERE status = 'pending';
