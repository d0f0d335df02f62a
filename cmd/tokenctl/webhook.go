package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
	"github.com/latchkey-api/latchkey/shared/wire"
)

type webhookCmd struct {
	Create webhookCreateCmd `cmd:"" help:"Send events to a URL, and print the secret that signs them, once."`
	List   webhookListCmd   `cmd:"" help:"List your webhooks."`
	Update webhookUpdateCmd `cmd:"" help:"Change the URL or the types of a webhook, or enable or disable it."`
	Test   webhookTestCmd   `cmd:"" help:"Send a test event to a webhook, and print the result."`
	Rotate webhookRotateCmd `cmd:"" help:"Replace the secret of a webhook and print the new one, once."`
	Delete webhookDeleteCmd `cmd:"" help:"Delete a webhook."`
}

// Help implements kong.HelpProvider.
func (*webhookCmd) Help() string {
	return `A webhook is a URL of yours that events are sent to. You can have five.

Example:

    tokenctl webhook list`
}

type webhookCreateCmd struct {
	URL   string   `arg:"" help:"URL, such as https://example.com/webhooks."`
	Types []string `placeholder:"TYPE" help:"Types of events, such as token.created or token.*; all by default."`
	remote
}

// Help implements kong.HelpProvider.
func (*webhookCreateCmd) Help() string {
	return `Events are sent as the Standard Webhooks specification says; docs/webhooks.md has examples of receivers. You can have five
webhooks.

Example:

    tokenctl webhook create https://example.com/webhooks --types 'token.*'`
}

// Run implements the command.
func (c *webhookCreateCmd) Run(ctx context.Context, out *console) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	w, err := s.CreateWebhook(ctx, wire.WebhookInput{URL: &c.URL, Types: c.Types})
	if err != nil {
		return s.explain(err)
	}
	if c.JSON {
		return out.printJSON(w)
	}
	return out.print(fmt.Sprintf("Created webhook %d for %s.\nSecret: %s\nSave it now: it can't be shown again.\nWhat happens in the first minute may not be sent to it.\n", w.ID, typesOf(w.Webhook), visible(w.Secret)))
}

type webhookListCmd struct{ remote }

// Help implements kong.HelpProvider.
func (*webhookListCmd) Help() string {
	return `With each it prints the last attempt that was recorded. At most one a minute is recorded, and tests are not.

Example:

    tokenctl webhook list --json`
}

// Run implements the command.
func (c *webhookListCmd) Run(ctx context.Context, out *console) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	all, err := s.Webhooks(ctx)
	if err != nil {
		return s.explain(err)
	}
	if c.JSON {
		return out.printJSON(all)
	}
	var text strings.Builder
	for _, w := range all {
		_, _ = fmt.Fprintf(&text, "%d %s: %s, %s.%s\n", w.ID, visible(w.URL), typesOf(w), webhookState(w), lastAttempt(w)) // a Builder never fails
	}
	return out.print(cmp.Or(text.String(), "You have no webhooks.\n"))
}

type webhookUpdateCmd struct {
	ID      int64    `arg:"" help:"ID of the webhook."`
	URL     *string  `placeholder:"URL" help:"Another URL."`
	Types   []string `placeholder:"TYPE" help:"Types of events in the place of those before; * for all."`
	Enable  bool     `xor:"state" help:"Send events to it again."`
	Disable bool     `xor:"state" help:"Send no events to it."`
	remote
}

// Help implements kong.HelpProvider.
func (*webhookUpdateCmd) Help() string {
	return `What you leave out stays as it is.

Example:

    tokenctl webhook update 1 --types 'token.*' --enable`
}

// Run implements the command.
func (c *webhookUpdateCmd) Run(ctx context.Context, out *console) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	in := wire.WebhookInput{URL: c.URL, Types: c.Types}
	if in.Types != nil && strings.Join(in.Types, "") == "" {
		return problemf("--types must not be empty: use '*' for all events")
	}
	switch {
	case c.Enable:
		in.Status = new(int64(wire.Enabled))
	case c.Disable:
		in.Status = new(int64(wire.Disabled))
	case in.URL == nil && in.Types == nil:
		return problemf("nothing to change: add --url, --types, --enable or --disable")
	}
	w, err := s.UpdateWebhook(ctx, c.ID, in)
	if err != nil {
		return s.explain(err)
	}
	if c.JSON {
		return out.printJSON(w)
	}
	return out.print(fmt.Sprintf("Webhook %d %s: %s, %s.\n", w.ID, visible(w.URL), typesOf(w), webhookState(w)))
}

type webhookTestCmd struct {
	ID int64 `arg:"" help:"ID of the webhook."`
	remote
}

// Help implements kong.HelpProvider.
func (*webhookTestCmd) Help() string {
	return `It sends one event of the type webhook.test, also to a webhook that is disabled, and does not repeat it.

Example:

    tokenctl webhook test 1`
}

// Run implements the command.
func (c *webhookTestCmd) Run(ctx context.Context, out *console) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	a, err := s.TestWebhook(ctx, c.ID)
	if err != nil {
		return s.explain(err)
	}
	if c.JSON {
		return out.printJSON(a)
	}
	if !a.Delivered {
		return problemf("the webhook did not accept the event (%s): %s", resultOf(a), adviceOf(a))
	}
	return out.print(fmt.Sprintf("The webhook accepted the event %s (%s).\n", visible(a.EventID), resultOf(a)))
}

type webhookRotateCmd struct {
	ID int64 `arg:"" help:"ID of the webhook."`
	remote
}

// Help implements kong.HelpProvider.
func (*webhookRotateCmd) Help() string {
	return `The secret before signs beside the new one for 24 hours. Only the newest two sign, so don't rotate again before every
receiver has the new one.

Example:

    tokenctl webhook rotate 1`
}

// Run implements the command.
func (c *webhookRotateCmd) Run(ctx context.Context, out *console) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	before, err := s.Webhooks(ctx)
	if err != nil {
		return s.explain(err)
	}
	w, err := s.RotateWebhook(ctx, c.ID)
	if err != nil {
		return s.explain(err)
	}
	if c.JSON {
		return out.printJSON(w)
	}
	ended := ""
	if slices.ContainsFunc(before, func(b wire.Webhook) bool { return b.ID == c.ID && b.PreviousSecretUntil > time.Now().Unix() }) {
		ended = "; the secret before it no longer signs"
	}
	return out.print(fmt.Sprintf("Webhook %d has a new secret. The old one signs, too, until %s%s.\nSecret: %s\nSave it now: it can't be shown again.\n",
		w.ID, timestamp(w.PreviousSecretUntil), ended, visible(w.Secret)))
}

type webhookDeleteCmd struct {
	ID int64 `arg:"" help:"ID of the webhook."`
	remote
}

// Help implements kong.HelpProvider.
func (*webhookDeleteCmd) Help() string {
	return `Events that wait for another attempt are not sent any more.

Example:

    tokenctl webhook delete 1`
}

// Run implements the command.
func (c *webhookDeleteCmd) Run(ctx context.Context, out *console) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	if err := s.DeleteWebhook(ctx, c.ID); err != nil {
		return s.explain(err)
	}
	if c.JSON {
		return out.printJSON(struct{}{})
	}
	return out.print(fmt.Sprintf("Deleted webhook %d.\n", c.ID))
}

func typesOf(w wire.Webhook) string {
	if len(w.Types) == 0 {
		return "all events"
	}
	return visible(strings.Join(w.Types, ", "))
}

func webhookState(w wire.Webhook) string {
	if w.Status == wire.Enabled {
		return "enabled"
	}
	if w.DisabledReason == string(webhook.ByUser) {
		return "disabled by you"
	}
	return "disabled (" + visible(w.DisabledReason) + ")"
}

// lastAttempt tells of the last attempt, if there is one.
func lastAttempt(w wire.Webhook) string {
	if w.LastAttempt == nil {
		return ""
	}
	did := "accepted"
	if !w.LastAttempt.Delivered {
		did = "did not accept"
	}
	return fmt.Sprintf(" At %s it %s an event (%s).", timestamp(w.LastAttempt.Time), did, resultOf(*w.LastAttempt))
}

// adviceOf says what to do about an attempt that failed.
func adviceOf(a wire.WebhookAttempt) string {
	const see = "see docs/webhooks.md for what a receiver must do"
	switch webhook.Failure(a.Failure) {
	case webhook.FailConnection:
		return "nothing answers at the URL: start the receiver"
	case webhook.FailName:
		return "the host name has no address: check the URL"
	case webhook.FailAddress:
		return "the host name has an address that is not public: give it a public one, or check the URL"
	case webhook.FailURL:
		return "this URL is not allowed any more: set another with `tokenctl webhook update`"
	case webhook.FailTLS:
		return "give the receiver a certificate that is valid for the host name of the URL"
	case webhook.FailTimeout:
		return fmt.Sprintf("answer a test within %.0f seconds, and other events within %.0f", delivery.TestTimeout.Seconds(), delivery.Timeout.Seconds())
	case webhook.FailRedirect:
		return "redirects are not followed: set the URL to the target"
	case webhook.FailGone:
		return "this status disables the webhook, unless it answers a test"
	case webhook.FailStatus:
	}
	switch {
	case a.HTTPStatus >= http.StatusInternalServerError:
		return "the receiver failed: read its log"
	case a.HTTPStatus == http.StatusBadRequest, a.HTTPStatus == http.StatusUnauthorized, a.HTTPStatus == http.StatusForbidden:
		return see + "; a receiver that verifies answers so if its secret is not that of this webhook"
	default:
		return see
	}
}

// resultOf says what an attempt came to.
func resultOf(a wire.WebhookAttempt) string {
	if a.HTTPStatus != 0 {
		return fmt.Sprintf("status %d", a.HTTPStatus)
	}
	return visible(strings.ReplaceAll(a.Failure, "_", " "))
}
