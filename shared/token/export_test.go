package token

// AfterCreating makes afterCreating available to the tests.
func (u User) AfterCreating(n, now int64) (User, error) { return u.afterCreating(n, now) }

// ID returns the id under which the parts of the request's response are saved.
func (r *IdempotentRequest) ID() string { return r.id }
