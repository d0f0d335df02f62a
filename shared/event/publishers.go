package event

import (
	"context"
	"errors"
)

// Publishers are a Publisher that sends events to each of several, one after the other.
type Publishers []Publisher

// Publish implements Publisher. It stops at a publisher that fails, so that those after
// it do not get the events each time the call is repeated. Events that a publisher can
// never publish do not keep them from the others.
func (p Publishers) Publish(ctx context.Context, events []Event) error {
	var lost *LostError
	for _, publisher := range p {
		err := publisher.Publish(ctx, events)
		var more *LostError
		switch {
		case errors.As(err, &more):
			lost = lost.Add(more)
		case err != nil:
			return err
		}
	}
	return lost.Err()
}
