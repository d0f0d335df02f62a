package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// Names of checks.
const (
	checkCounts    = "counts"
	checkUnlimited = "keys without limit or expiry"
	checkIdle      = "idle keys"
	checkLeaked    = "leaked keys"
	checkFailing   = "failing webhooks"
)

// checkUsers reads the tokens of up to n users, or of all if n is 0.
func (d *doctor) checkUsers(ctx context.Context, out *console, n int) {
	all, err := d.db.accounts().List(ctx)
	if err != nil {
		d.failUsers(err)
		return
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] }) //nolint:gosec // a sample
	users := all
	if n > 0 && n < len(all) {
		users = all[:n]
	}
	bar := out.progress(len(users), "reading tokens")
	defer func() { _ = bar.Clear(); _ = bar.Close() }()
	before := len(d.findings)
	for _, u := range users {
		if err := d.checkUser(ctx, u); err != nil {
			d.failUsers(err)
			return
		}
		_ = bar.Add(1)
	}
	for _, check := range userChecks() {
		if !d.found(check, before) {
			d.add(finding{Check: check, State: stateOK, Text: fmt.Sprintf("nothing found; users read: %d of %d", len(users), len(all))})
		}
	}
	if left := len(all) - len(users); left > 0 {
		d.skip("other users", fmt.Sprintf("the tokens of %d of %d users were not read; --users 0 reads all", left, len(all)))
	}
}

// userChecks returns the names of the checks that read the tokens of users.
func userChecks() []string {
	return []string{checkCounts, checkUnlimited, checkIdle, checkLeaked, checkFailing}
}

// failUsers notes that these checks failed.
func (d *doctor) failUsers(err error) {
	for _, check := range userChecks() {
		d.failOnce(check, err)
	}
}

// failOnce notes that a check failed, unless that is noted already.
func (d *doctor) failOnce(check string, err error) {
	if !slices.ContainsFunc(d.findings, func(f finding) bool { return f.Check == check && f.State == stateNotChecked }) {
		d.fail(check, err)
	}
}

// found reports whether there is a finding of a check, from a position on.
func (d *doctor) found(check string, from int) bool {
	for _, f := range d.findings[from:] {
		if f.Check == check {
			return true
		}
	}
	return false
}

// checkUser recounts a user's tokens and looks for careless ones.
func (d *doctor) checkUser(ctx context.Context, u token.User) error {
	r, err := d.db.accounts().Reconcile(ctx, u.Name, true)
	if errors.Is(err, token.ErrUserNotFound) || errors.Is(err, token.ErrUserDeleting) {
		return nil
	}
	if err != nil {
		return err
	}
	if wrong(r) {
		d.add(finding{
			checkCounts, stateProblem, "those of user " + u.Name + " differ from its tokens; a removal that purge is about to count looks the same",
			d.tokenctl("reconcile " + u.Name),
		})
	}
	d.checkEndpoints(ctx, u)
	var unlimited, idle, leaked ids
	err = d.db.store().EachToken(ctx, u, func(t token.Token) error {
		if t.LeakedTime != 0 {
			leaked.add(t.ID)
		}
		if t.StatusAt(d.now.Unix()) != token.Enabled {
			return nil
		}
		if t.UnlimitedQuota && !t.UsesWallet && len(t.Windows) == 0 && t.ExpiredTime == token.Never {
			unlimited.add(t.ID)
		}
		if max(t.AccessedTime, t.LastUse.Time) < d.now.Add(-d.idle).Unix() {
			idle.add(t.ID)
		}
		return nil
	})
	if leaked.n > 0 {
		d.add(finding{
			checkLeaked, stateWarning, "user " + u.Name + " has " + leaked.String() + "; somebody has found and revoked them, and may have found more there",
			"tokenctl token rotate " + leaked.first[0] + " # logged in as " + u.Name,
		})
	}
	if unlimited.n > 0 {
		d.add(finding{checkUnlimited, stateWarning, "user " + u.Name + " has " + unlimited.String(), d.tokenctl("user budget " + u.Name + " --units N --per month")})
	}
	if idle.n > 0 {
		d.add(finding{
			checkIdle, stateWarning, fmt.Sprintf("user %s has %s; charged nothing for %d days", u.Name, idle.String(), int(d.idle.Hours()/24)),
			"tokenctl token update " + strings.Join(idle.first, " ") + " --disable # logged in as " + u.Name,
		})
	}
	return err
}

// ids counts tokens and keeps the first of their IDs.
type ids struct {
	n     int
	first []string
}

func (i *ids) add(id int64) {
	const examples = 5
	if i.n++; i.n <= examples {
		i.first = append(i.first, strconv.FormatInt(id, 10))
	}
}

// String returns how many tokens there are, and the first of their IDs.
func (i *ids) String() string {
	text := fmt.Sprintf("%d: tokens %s", i.n, strings.Join(i.first, ", "))
	if i.n > len(i.first) {
		text += ", …"
	}
	return text
}
