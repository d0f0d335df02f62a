package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

type purgeCmd struct {
	Finish purgeFinishCmd `cmd:"" help:"Count what the purge function could not count, and empty its queue."`
}

// Help implements kong.HelpProvider.
func (*purgeCmd) Help() string {
	return `DynamoDB removes expired tokens, and the purge function counts each removal for the user. What it fails to count goes to a queue.

Example:

    tokenctl purge finish --stage prod`
}

type purgeFinishCmd struct {
	Stage    string `xor:"queue" placeholder:"NAME" help:"Take table and queue from the stack of this stage."`
	Queue    string `xor:"queue" placeholder:"URL" help:"URL of the queue, if there is no stack; with TABLE_NAME or --table."`
	Endpoint string `env:"DYNAMODB_ENDPOINT" placeholder:"URL" help:"Use the DynamoDB engine at this URL instead of AWS."`
	Table    string `env:"TABLE_NAME" placeholder:"NAME" help:"Name of the table, for --queue."`
	JSON     bool   `help:"Print one line of JSON."`
}

// Help implements kong.HelpProvider.
func (*purgeFinishCmd) Help() string {
	return `A message in the queue says where the records are in the table's stream, which keeps them for 24 hours. Within that time the
command counts them as the purge function does: each removal once, and what the token had drawn from its user's budget and
not used returns to it. Later nobody knows whose tokens they were. Then it recounts the tokens of all users, as
"tokenctl reconcile" does, and units in the blocks of such tokens count as used.

A message is deleted when it is finished. If the command is interrupted, run it again: nothing is counted twice.
The exit code is 1 if messages are left.

Example:

    tokenctl purge finish --stage prod`
}

// Run implements the command.
func (c *purgeFinishCmd) Run(ctx context.Context, out *console) error {
	f, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	err = f.run(ctx)
	if printErr := c.print(out, f.done, err); printErr != nil {
		return printErr
	}
	return err
}

// open connects to the table and the queue.
func (c *purgeFinishCmd) open(ctx context.Context, out *console) (*purgeFinisher, error) {
	if c.Stage == "" && c.Queue == "" {
		return nil, problemf("no queue is named: set --stage to the stage, or --queue to the URL of the queue")
	}
	cfg, err := awsConfig(ctx, "the queue is in AWS")
	if err != nil {
		return nil, err
	}
	url, table := c.Queue, cmp.Or(c.Table, defaultTable)
	if c.Stage != "" {
		s, err := findStage(ctx, cfg, c.Stage)
		if err != nil {
			return nil, err
		}
		if url, table = s.purgeQueue(), s.table(); url == "" || table == "" {
			return nil, problemf("the stack %s has no queue of removals that are not counted: it has no purge function, or is of another version", stackName(c.Stage))
		}
	}
	db, err := connect(ctx, c.Endpoint, table)
	if err != nil {
		return nil, err
	}
	return &purgeFinisher{db: db, queue: newMessageQueue(cfg, url), out: out}, nil
}

// finished is what purge finish has done, as --json prints it.
type finished struct {
	Messages  int              `json:"messages"`         // finished, and deleted from the queue
	Removals  int              `json:"removals"`         // records of the stream that are counted
	Recounted int              `json:"recounted_users"`  // users whose tokens were recounted
	Corrected []reconciled     `json:"corrected"`        // those whose counts were wrong
	Left      []unfinishedNote `json:"left"`             // messages that could not be finished
	Waiting   int              `json:"waiting_messages"` // in the queue, or with another run
}

// An unfinishedNote says why a message stays in the queue.
type unfinishedNote struct {
	Message string `json:"message_id"`
	Reason  string `json:"reason"`
}

// print prints what is done, also if the command ended with an error.
func (c *purgeFinishCmd) print(out *console, done finished, err error) error {
	if c.JSON {
		return out.printJSON(done)
	}
	var text strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format+"\n", args...) } // a Builder never fails
	switch {
	case done.Messages > 0:
		line("Messages finished and deleted: %d. Removals counted: %d.", done.Messages, done.Removals)
	case err == nil:
		line("The queue is empty.")
	}
	if done.Recounted > 0 {
		line("The stream no longer had some of the records, so the tokens of all users were recounted: %d, of which %d were corrected.", done.Recounted, len(done.Corrected))
	}
	for _, r := range done.Corrected {
		note := ""
		if r.Missing > 0 {
			note = fmt.Sprintf(" %d units that removed tokens had drawn from its budget count as used; raise it with `tokenctl user budget %s` if they were not.", r.Missing, r.Name)
		}
		line("User %s: corrected.%s", r.Name, note)
	}
	for _, m := range done.Left {
		line("Message %s stays in the queue: %s.", m.Message, m.Reason)
	}
	if text.Len() == 0 {
		return nil
	}
	return out.print(text.String())
}

// wrong reports whether a recount found a difference.
func wrong(r token.Reconciliation) bool {
	return len(r.Drifts) > 0 || r.Total != nil || r.Missing != 0 || r.Unfinished > 0
}
