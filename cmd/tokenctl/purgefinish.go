package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A purgeFinisher counts the removals that the messages of a queue stand for.
type purgeFinisher struct {
	db    *database
	queue *messageQueue
	out   *console
	seen  map[string]bool // messages that were received, by ID
	left  []deadLetter    // messages that can't be finished
	done  finished
}

// run handles messages until the queue gives no other. After an error, what is
// finished stays finished.
func (f *purgeFinisher) run(ctx context.Context) error {
	f.seen, f.done.Corrected, f.done.Left = map[string]bool{}, []reconciled{}, []unfinishedNote{}
	gone, err := f.countAll(ctx)
	if err == nil {
		err = f.recount(ctx, gone) // last: it would count as used what a count returns to a budget
	}
	if err == nil {
		gone, err = nil, f.verdict(ctx)
	}
	for _, m := range append(gone, f.left...) {
		f.queue.release(ctx, m)
	}
	return f.explain(ctx, err)
}

// countAll counts the removals of all messages whose records the stream has, and
// returns the others.
func (f *purgeFinisher) countAll(ctx context.Context) (gone []deadLetter, err error) {
	for {
		letters, err := f.queue.receive(ctx)
		// A message that appears again was hidden for too short a time.
		letters = slices.DeleteFunc(letters, func(m deadLetter) bool { return f.seen[m.id] })
		if err != nil || len(letters) == 0 {
			return gone, err
		}
		for i, m := range letters {
			f.seen[m.id] = true
			err := f.count(ctx, m)
			if errors.Is(err, stream.ErrGone) {
				gone = append(gone, m)
				continue
			}
			if err != nil {
				return append(gone, letters[i:]...), err
			}
		}
	}
}

// count counts the removals of a message and deletes it. A message that can't be
// finished is noted.
func (f *purgeFinisher) count(ctx context.Context, m deadLetter) error {
	if m.span == nil {
		return f.leave(m, "it does not come from Lambda")
	}
	if table := m.span.Table(); table != f.db.table {
		return f.leave(m, fmt.Sprintf("it is about the table %q, and this command about %s", table, f.db.table))
	}
	purges, err := stream.Purges(ctx, f.db.client, *m.span)
	if err != nil {
		return err
	}
	_, counted, err := f.db.store().CountPurges(ctx, purges, time.Now().Unix())
	f.done.Removals += counted
	switch {
	case ctx.Err() != nil || errors.Is(err, token.ErrUnavailable):
		return err
	case err != nil:
		return f.leave(m, sentence(err))
	}
	return f.remove(ctx, m)
}

// leave notes a message that stays in the queue.
func (f *purgeFinisher) leave(m deadLetter, reason string) error {
	f.left, f.done.Left = append(f.left, m), append(f.done.Left, unfinishedNote{m.id, reason})
	return nil
}

func (f *purgeFinisher) remove(ctx context.Context, m deadLetter) error {
	if err := f.queue.remove(ctx, m); err != nil {
		return err
	}
	f.done.Messages++
	return nil
}

// recount recounts the tokens of all users and then deletes the messages whose
// records are gone.
func (f *purgeFinisher) recount(ctx context.Context, gone []deadLetter) error {
	if len(gone) == 0 {
		return nil
	}
	users, err := f.db.accounts().List(ctx)
	if err != nil {
		return err
	}
	bar := f.out.progress(len(users), "recounting users")
	defer func() { _ = bar.Clear(); _ = bar.Close() }()
	for _, u := range users {
		r, err := f.recountUser(ctx, u)
		if err != nil {
			return fmt.Errorf("recount user %s: %w", u.Name, err)
		}
		if f.done.Recounted++; wrong(r) {
			f.done.Corrected = append(f.done.Corrected, reconciledJSON(r, false))
		}
		_ = bar.Add(1)
	}
	for _, m := range gone {
		if err := f.remove(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// recountUser recounts one user. A user who is being deleted has no counts.
func (f *purgeFinisher) recountUser(ctx context.Context, u token.User) (token.Reconciliation, error) {
	if u.Deleting {
		return token.Reconciliation{User: u}, nil
	}
	r, err := f.db.accounts().Reconcile(ctx, u.Name, false)
	if errors.Is(err, token.ErrUserNotFound) || errors.Is(err, token.ErrUserDeleting) {
		return token.Reconciliation{User: u}, nil
	}
	return r, err
}

// verdict returns an error if messages are left.
func (f *purgeFinisher) verdict(ctx context.Context) (err error) {
	if f.done.Waiting, err = f.queue.waiting(ctx); err != nil {
		return err
	}
	switch others := f.done.Waiting - len(f.done.Left); {
	case len(f.done.Left) > 0:
		return problemf("the queue keeps %s that can't be finished: see the reasons above", counted(len(f.done.Left), "message"))
	case others > 0 && f.done.Messages == 0:
		return problemf("another run has received %s, and may have been interrupted: run the command again in %d minutes", counted(others, "message"), hideSeconds/60)
	default:
		return nil
	}
}

// explain turns an error into a problem that says what to do.
func (f *purgeFinisher) explain(ctx context.Context, err error) error {
	var known *problem
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return problemf("interrupted: run the command again; what is counted is not counted twice")
	case errors.As(err, &known):
		return err
	case errors.Is(err, token.ErrUnavailable):
		return problemf("DynamoDB %s did not respond as expected: check %s and run the command again; what is counted is not counted twice", f.db.at(), f.db.origin())
	default:
		return err
	}
}
