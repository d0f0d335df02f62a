package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/litellm"
	"github.com/latchkey-api/latchkey/shared/price"
)

type pricesImportCmd struct {
	File   string   `arg:"" help:"LiteLLM's model_prices_and_context_window.json."`
	SHA256 string   `name:"sha256" required:"" placeholder:"HEX" help:"The SHA-256 of the file that you have reviewed."`
	Model  []string `sep:"none" placeholder:"NAME" help:"Import only this model; a name can end in *. Repeatable (default: all models)."`
	Yes    bool     `short:"y" help:"Import without asking."`
	access
}

// Help implements kong.HelpProvider.
func (*pricesImportCmd) Help() string {
	return `It adds the models to the price table and replaces those that the table has under the same name. Everything else in the
table stays. It shows the difference and asks for confirmation; without a terminal it requires --yes.

A model is left out if its entry has a price that Latchkey can't charge, such as a dearer price for audio tokens: add it
with "tokenctl prices set". Prices finer than a thousandth of a dollar per million tokens are rounded up. Nothing is
downloaded.

Example:

    sha256sum model_prices_and_context_window.json
    tokenctl prices import model_prices_and_context_window.json --sha256 HEX --model 'gpt-5*' --model 'claude-*'`
}

// Run implements the command.
func (c *pricesImportCmd) Run(ctx context.Context, out *console) error {
	read, err := c.read()
	if err != nil {
		return err
	}
	db, err := connect(ctx, c.Endpoint, c.Table)
	if err != nil {
		return err
	}
	old, err := db.prices(ctx)
	if err != nil {
		return err
	}
	table := &price.Table{}
	if old != nil {
		*table = *old
	}
	table.Models = maps.Clone(table.Models)
	if table.Models == nil {
		table.Models = map[string]price.Model{}
	}
	maps.Copy(table.Models, read.Models)
	c.report(out, read)
	changes := pricesDiff(old, table)
	if len(changes) == 0 || len(read.Models) == 0 {
		return out.print("The price table already has these prices; nothing was changed.\n")
	}
	file := table.File()
	if _, err := price.Parse(file); err != nil {
		return problemf("%s: choose models with --model, such as --model 'gpt-5*'", err)
	}
	if !c.Yes {
		_, _ = fmt.Fprint(out.err, describeChanges(changes))
		if err := out.confirm(ctx, fmt.Sprintf("Make these %d changes to the price table %s?", len(changes), db.at())); err != nil {
			return err
		}
	}
	return db.setPrices(ctx, out, c.JSON, old, table, file)
}

// read reads the file and checks its SHA-256.
func (c *pricesImportCmd) read() (litellm.Result, error) {
	content, err := readFile(c.File)
	if err != nil {
		return litellm.Result{}, err
	}
	sum := sha256.Sum256(content)
	if got := hex.EncodeToString(sum[:]); got != strings.ToLower(c.SHA256) {
		return litellm.Result{}, problemf("the SHA-256 of %s is %s, not the one given with --sha256: the file is not the one that you have reviewed", c.File, got)
	}
	read, err := litellm.Read(content, c.wants)
	if err != nil {
		return read, problemf("%s is not a price map of LiteLLM: %s", c.File, err)
	}
	if len(read.Models)+len(read.LeftOut) == 0 {
		return read, problemf("%s has no such model: check --model", c.File)
	}
	return read, nil
}

// wants reports whether a model is to be imported.
func (c *pricesImportCmd) wants(model string) bool {
	for _, pattern := range c.Model {
		if prefix, isPrefix := strings.CutSuffix(pattern, "*"); isPrefix && strings.HasPrefix(model, prefix) || pattern == model {
			return true
		}
	}
	return len(c.Model) == 0
}

// report prints on stderr what the reader of the difference should know.
func (c *pricesImportCmd) report(out *console, read litellm.Result) {
	for _, o := range read.LeftOut {
		out.note(fmt.Sprintf("%s is left out: %s.", o.Model, o.Reason))
	}
	if len(read.Rounded) > 0 {
		out.note(fmt.Sprintf("prices rounded up: %s.", list(read.Rounded)))
	}
	if len(read.Extras) > 0 {
		out.note(fmt.Sprintf("warning: dearer service tiers and the vendors' tools, such as web search, are not charged; these models have them: %s.", list(read.Extras)))
	}
}

// list returns names as a part of a sentence, and at most ten of them.
func list(names []string) string {
	const most = 10
	text := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
