CREATE TABLE members (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
);
CREATE TABLE branches (
  code TEXT PRIMARY KEY,
  name TEXT NOT NULL
);
CREATE TABLE books (
  id INTEGER PRIMARY KEY,
  title TEXT NOT NULL,
  author TEXT NOT NULL,
  branch_code TEXT NOT NULL REFERENCES branches(code),
  successor_id INTEGER REFERENCES books(id)
);
CREATE TABLE loans (
  id INTEGER PRIMARY KEY,
  book_id INTEGER NOT NULL REFERENCES books(id),
  member_id INTEGER NOT NULL REFERENCES members(id),
  lent_on TEXT NOT NULL,
  due_on TEXT NOT NULL,
  returned_on TEXT,
  fine_cents INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE holds (
  id INTEGER PRIMARY KEY,
  book_id INTEGER NOT NULL REFERENCES books(id),
  member_id INTEGER NOT NULL REFERENCES members(id),
  position INTEGER NOT NULL,
  UNIQUE (book_id, member_id)
);
CREATE TRIGGER loans_drop_hold AFTER INSERT ON loans BEGIN
  DELETE FROM holds WHERE book_id = new.book_id AND member_id = new.member_id;
END;
