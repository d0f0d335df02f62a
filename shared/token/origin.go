package token

import "context"

// An Origin says where a change comes from, beside the user or the operator who makes
// it. It is for the audit trail; no rule depends on it.
type Origin struct {
	RequestID string // of the request; "" for a command
	Address   string // the client's IP address; "" if it is not known
	Command   string // the operator's command, such as "user disable"; "" for a request
	Person    string // the account on the operator's computer that ran it
}

type originKey struct{}

// WithOrigin returns a context for changes from an origin.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns the origin of changes in a context; the zero Origin if it is not
// known.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}
