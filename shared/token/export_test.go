package token

// Take is what the service asks of a user before it makes tokens.
func (u User) AfterCreating(n, now int64) (User, error) { return u.afterCreating(n, now) }

// ID is the name under which a request's parts are kept.
func (r *IdempotentRequest) ID() string { return r.id }
