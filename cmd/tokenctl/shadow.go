package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
)

type shadowCmd struct {
	From           string   `required:"" placeholder:"FILE" help:"The export of the other system."`
	Format         string   `enum:"auto,csv,json" default:"auto" placeholder:"FORMAT" help:"csv, json, or auto to detect it from the content (default ${default})."`
	UnitsPerDollar int64    `placeholder:"N" help:"Units per dollar of a LiteLLM budget, as in the import."`
	RestartWindows bool     `help:"Do not compare how much of a window is used, as in the import."`
	IgnoreColumn   []string `sep:"none" placeholder:"NAME" help:"Compare although this column has values that Latchkey does not know or has no equivalent of. Repeatable."`
	User           string   `placeholder:"NAME" help:"Also compare the imported tokens of this user whose keys are not in the file."`
	Users          string   `placeholder:"FILE" help:"Also compare which users have the tokens, as in the import."`
	Foreign        bool     `name:"foreign-keys" env:"FOREIGN_KEYS" default:"true" negatable:"" help:"Answer as where FOREIGN_KEYS is true (default), or with --no-foreign-keys as where it is not."`
	URL            string   `name:"url" placeholder:"URL" help:"Also ask this API about one key of the file, without spending."`
	access
}

// Help implements kong.HelpProvider.
func (*shadowCmd) Help() string {
	return `It reads an export as "tokenctl import" does, and finds each key in the DynamoDB table by its hash. For the whole key, for each
model and each address that one of the two systems allows, it compares what the other system would answer now, by its
own rules, with what Latchkey answers now and will once rates and windows allow it. It also compares the remaining quota, the
expiry, windows and rates. It changes nothing and spends nothing.

Each difference is a line on stdout. LOOSER is what Latchkey allows and the other system does not. A key that was used here
since the import has less quota left by what was used: that is no difference, and is counted apart. docs/migrate.md
says what is compared and what is not.

With --url it then asks a running API about one key, if the file has a whole key that is valid in both systems: that shows
whether FOREIGN_KEYS is true there. Otherwise a warning says that it was not asked.

The exit code is 0 if there is no difference, and 1 if there is one.

Example:

    tokenctl shadow --from newapi.csv`
}

// A shadow compares the answers about the keys of a file.
type shadow struct {
	*shadowCmd
	file export.File
	db   *database
	gate *gate.Gate
	now  int64
	tally
	probe   probe
	names   map[int64]string // of users, by ID; only with --users
	rotated rotatedKeys
}

// Run implements the command.
func (c *shadowCmd) Run(ctx context.Context, out *console) error {
	out.readOnly = true
	if c.URL != "" {
		base, err := checkURL(c.URL)
		if err != nil {
			return err
		}
		c.URL = base
	}
	now := time.Now()
	file, flags, err := c.readCompared(ctx, now.Unix())
	if err != nil {
		return err
	}
	if len(file.Unknown) > 0 {
		return (&reading{exportFlags: flags, out: out, file: file}).unknown("compared")
	}
	for _, warning := range file.Warnings {
		out.note("warning: " + warning + ".")
	}
	db, err := connect(ctx, c.Endpoint, c.Table)
	if err != nil {
		return err
	}
	s := shadow{shadowCmd: c, file: file, db: db, now: now.Unix(), tally: tally{Dialect: file.Dialect, Differences: []difference{}}, probe: probe{url: c.URL}}
	options := []gate.Option{gate.WithClock(func() time.Time { return now })}
	store := dynamo.New(db.client, db.table)
	if c.Foreign {
		options = append(options, gate.WithForeignKeys(store))
	}
	s.gate = gate.New(store, options...)
	if c.Users != "" {
		if s.names, err = db.userNames(ctx); err != nil {
			return db.explain(err, "")
		}
	}
	if err := s.compareAll(ctx, out); err != nil {
		return db.explain(err, c.User)
	}
	differ := s.report(out)
	if c.URL == "" {
		return differ
	}
	asked := s.probe.ask(ctx, out)
	if differ == nil {
		return asked
	}
	if asked != nil {
		out.note("warning: " + sentence(asked) + ".")
	}
	return differ
}

// readCompared reads the file of a comparison.
func (c *shadowCmd) readCompared(ctx context.Context, now int64) (export.File, exportFlags, error) {
	flags := exportFlags{File: c.From, Format: c.Format, UnitsPerDollar: c.UnitsPerDollar, RestartWindows: c.RestartWindows, IgnoreColumn: c.IgnoreColumn}
	if isURL(c.From) {
		return export.File{}, flags, problemf("`tokenctl shadow` reads files only: save an export of the other system, as docs/migrate.md says, or copy its SQLite database")
	}
	users, err := readUsers(c.Users)
	if err != nil {
		return export.File{}, flags, err
	}
	in, err := readInput(ctx, c.From)
	var file export.File
	if err == nil {
		file, err = flags.parse(in, export.Options{Now: now, KeepKeys: true, Compare: true, Users: users})
	}
	if err != nil {
		err = problemf("%s", strings.NewReplacer(" can't be imported: ", " can't be compared: ", "nothing was imported", "nothing was compared").Replace(sentence(err)))
	}
	return file, flags, err
}

// compareAll compares the rows of the file, and then the tokens that it does not
// have.
func (s *shadow) compareAll(ctx context.Context, out *console) error {
	bar := out.progress(len(s.file.Rows), "comparing")
	defer bar.Close() //nolint:errcheck // only affects the display
	const batchSize = 100
	for rows := range slices.Chunk(s.file.Rows, batchSize) {
		found, err := s.find(ctx, rows)
		if err == nil && s.Foreign {
			err = s.rotated.learn(ctx, s.db, found)
		}
		if err != nil {
			return err
		}
		for _, row := range rows {
			here := found[row.There.Key.Hash]
			s.count(s.compare(row, here)...)
			s.probe.offer(row, here, s.answer(here))
		}
		_ = bar.Add(len(rows))
	}
	_ = bar.Clear()
	if s.User == "" {
		return nil
	}
	return s.compareOthers(ctx)
}

// find looks up the keys of rows.
func (s *shadow) find(ctx context.Context, rows []export.Row) (map[[32]byte]gate.KnownKey, error) {
	found := map[[32]byte]gate.KnownKey{}
	var hashes [][32]byte
	for _, row := range rows {
		hash := row.There.Key.Hash
		if _, twice := found[hash]; !twice && row.There.Key != (export.Key{}) {
			hashes = append(hashes, hash)
			found[hash] = gate.KnownKey{}
		}
	}
	keys, err := s.gate.FindHashes(ctx, hashes)
	for i, k := range keys {
		found[hashes[i]] = k
	}
	return found, err
}

// compareOthers looks for keys that work here although the file does not have them:
// the other system has deleted them since.
func (s *shadow) compareOthers(ctx context.Context) error {
	name, err := token.CheckUserName(s.User)
	if err != nil {
		return err
	}
	listed := map[[32]byte]bool{}
	for _, row := range s.file.Rows {
		listed[row.There.Key.Hash] = true
	}
	var others []token.Token
	err = s.db.accounts().EachToken(ctx, name, func(t token.Token) error {
		if t.ForeignHash != ([32]byte{}) && s.file.Issued(t.ImportedFrom) && !listed[t.ForeignHash] {
			others = append(others, t)
		}
		return nil
	})
	const batchSize = 100
	for batch := range slices.Chunk(others, batchSize) {
		hashes := make([][32]byte, len(batch))
		for i, t := range batch {
			hashes[i] = t.ForeignHash
		}
		keys, failed := s.gate.FindHashes(ctx, hashes)
		if failed != nil {
			return failed
		}
		for i, k := range keys {
			there := export.There{Key: export.Key{Mask: credential.MaskedKey("", "")}, Refusal: "not_found (not in the file)"}
			if k.ID != 0 && k.ForeignHash == k.KeyHash {
				there.Key.Mask = k.Mask
			}
			s.count(s.status(difference{Token: batch[i].ID, Key: there.Key.Mask}, there, k)...)
		}
	}
	return err
}
