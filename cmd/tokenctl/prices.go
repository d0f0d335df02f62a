package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/price"
)

type pricesCmd struct {
	Set    pricesSetCmd    `cmd:"" help:"Set the price table to a price file."`
	Show   pricesShowCmd   `cmd:"" help:"Print the price file."`
	Check  pricesCheckCmd  `cmd:"" help:"Compare the price table with a price file, and exit with 1 if they differ."`
	Import pricesImportCmd `cmd:"" help:"Add the prices of LiteLLM's price map to the price table."`
}

// Help implements kong.HelpProvider.
func (*pricesCmd) Help() string {
	return `The price table says what models cost and how many units a dollar has. Without one, a token is a unit. docs/prices.md
describes the price file. Without DYNAMODB_ENDPOINT or --endpoint these commands use AWS.

Example:

    tokenctl prices set prices.json`
}

type pricesSetCmd struct {
	File string `arg:"" help:"The price file."`
	access
}

// Help implements kong.HelpProvider.
func (*pricesSetCmd) Help() string {
	return `It replaces the whole table. All processes use the new prices within 60 seconds.

Example:

    tokenctl prices set prices.json`
}

// Run implements the command.
func (c *pricesSetCmd) Run(ctx context.Context, out *console) error {
	table, file, err := readPriceFile(c.File)
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
	return db.setPrices(ctx, out, c.JSON, old, table, file)
}

// readPriceFile reads and checks a price file.
func readPriceFile(name string) (*price.Table, []byte, error) {
	file, err := readFile(name)
	if err != nil {
		return nil, nil, err
	}
	table, err := price.Parse(file)
	if err != nil {
		return nil, nil, problemf("%s is not usable: %s", name, err)
	}
	return table, file, nil
}

// prices returns the price table, or nil if there is none.
func (d *database) prices(ctx context.Context) (*price.Table, error) {
	table, err := d.store().Prices(ctx)
	return table, d.explain(err, "")
}

// setPrices replaces the price table old by a new one, and prints what changed.
func (d *database) setPrices(ctx context.Context, out *console, asJSON bool, old, table *price.Table, file []byte) error {
	revision := int64(0)
	if old != nil {
		revision = old.Revision
	}
	revision, err := d.store().SetPriceFile(ctx, file, revision)
	if errors.Is(err, dynamo.ErrPricesChanged) {
		return problemf("another command changed the price table at the same time, and nothing was changed: try again")
	}
	if err != nil {
		return d.explain(err, "")
	}
	changes := pricesDiff(old, table)
	if asJSON {
		return out.printJSON(struct {
			Revision int64         `json:"revision"`
			Models   int           `json:"models"`
			Changes  []priceChange `json:"changes"`
		}{revision, len(table.Models), changes})
	}
	return out.print(describeChanges(changes) + fmt.Sprintf("Revision %d of the price table is set. Models: %d. It applies everywhere within 60 seconds.\n", revision, len(table.Models)))
}

type pricesShowCmd struct {
	access
}

// Help implements kong.HelpProvider.
func (*pricesShowCmd) Help() string {
	return `It prints the file as it was set. With --json, it prints the revision too.

Example:

    tokenctl prices show > prices.json`
}

// Run implements the command.
func (c *pricesShowCmd) Run(ctx context.Context, out *console) error {
	out.readOnly = true
	db, err := connect(ctx, c.Endpoint, c.Table)
	if err != nil {
		return err
	}
	file, revision, err := db.store().PriceFile(ctx)
	switch {
	case err != nil:
		return db.explain(err, "")
	case revision == 0:
		return db.noPrices()
	case c.JSON:
		return out.printJSON(struct {
			Revision int64           `json:"revision"`
			Prices   json.RawMessage `json:"prices"`
		}{revision, file})
	default:
		return out.print(string(file))
	}
}

func (d *database) noPrices() error {
	return problemf("there is no price table %s, so a token is a unit: set one with `tokenctl prices set FILE`", d.at())
}

type pricesCheckCmd struct {
	File string `arg:"" help:"The price file that the table should be."`
	access
}

// Help implements kong.HelpProvider.
func (*pricesCheckCmd) Help() string {
	return `It prints how the table differs from the file: what setting the file would change. The order of members, spaces and
trailing zeros do not matter. It exits with 1 if there is a difference or no table.

Example:

    tokenctl prices check prices.json`
}

// Run implements the command.
func (c *pricesCheckCmd) Run(ctx context.Context, out *console) error {
	want, _, err := readPriceFile(c.File)
	if err != nil {
		return err
	}
	db, err := connect(ctx, c.Endpoint, c.Table)
	if err != nil {
		return err
	}
	got, err := db.prices(ctx)
	if err != nil {
		return err
	}
	if got == nil {
		return db.noPrices()
	}
	changes := pricesDiff(got, want)
	if c.JSON {
		err = out.printJSON(struct {
			Revision int64         `json:"revision"`
			Changes  []priceChange `json:"changes"`
		}{got.Revision, changes})
	} else {
		err = out.print(describeChanges(changes))
	}
	switch {
	case err != nil:
		return err
	case len(changes) > 0:
		return problemf("revision %d of the price table differs from %s: set the file with `tokenctl prices set`, or correct the file", got.Revision, c.File)
	case c.JSON:
		return nil
	default:
		return out.print(fmt.Sprintf("Revision %d of the price table is %s.\n", got.Revision, c.File))
	}
}
