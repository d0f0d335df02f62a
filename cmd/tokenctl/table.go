package main

import "context"

type tableCmd struct {
	Create tableCreateCmd `cmd:"" help:"Create the table in a local engine, unless it exists."`
}

// Help implements kong.HelpProvider.
func (*tableCmd) Help() string {
	return `Example:

    tokenctl table create --endpoint http://127.0.0.1:8000`
}

type tableCreateCmd struct {
	access
}

// Help implements kong.HelpProvider.
func (*tableCreateCmd) Help() string {
	return `It does not work in AWS, where the deployment creates the table. "tokenctl serve" creates its table by itself.

Example:

    tokenctl table create --endpoint http://127.0.0.1:8000`
}

// Run implements the command.
func (c *tableCreateCmd) Run(ctx context.Context, out *console) error {
	if c.Endpoint == "" {
		return problemf("`table create` works with local engines only, because the deployment creates the table in AWS: set DYNAMODB_ENDPOINT or --endpoint to the engine's URL")
	}
	db, err := connect(ctx, c.Endpoint, c.Table)
	if err != nil {
		return err
	}
	if err := db.createTable(ctx); err != nil {
		return db.explain(err, "")
	}
	if c.JSON {
		return out.printJSON(struct {
			Table    string `json:"table"`
			Endpoint string `json:"endpoint"`
		}{db.table, db.endpoint})
	}
	return out.print("Table " + db.table + " is ready " + db.at() + ".\n")
}
