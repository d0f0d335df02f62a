package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
)

// webhookGrace is how long attempts that have begun may take when the server stops.
const webhookGrace = 2 * time.Second

// localRules allow receivers on this machine.
func localRules() webhook.Rules { return webhook.Rules{Loopback: true} }

// localPublisher returns a publisher that sends events to webhooks from this process. An
// attempt takes up to a time. The function ends it. What has not been delivered then is
// lost.
func localPublisher(ctx context.Context, store *dynamo.Store, timeout time.Duration, log *slog.Logger) (p event.Publisher, end func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	client := delivery.NewClient(localRules(), timeout, time.Now)
	queue := delivery.NewMemoryQueue(ctx, &delivery.Deliverer{Store: store, Send: client.Send, Now: time.Now},
		func(m webhook.Message, r delivery.Result) { logAttempt(log, m, r) },
		func(count int) {
			log.Error("webhooks dropped: too many wait for their receivers", slog.Int("count", count))
		})
	return lossLogger{webhook.NewSender(store, queue, time.Now), log}, func() {
		timer := time.AfterFunc(webhookGrace, cancel)
		queue.Wait()
		timer.Stop()
		cancel()
	}
}

// lossLogger logs events that can never be published, so that they don't keep the others.
type lossLogger struct {
	event.Publisher
	log *slog.Logger
}

// Publish implements event.Publisher.
func (p lossLogger) Publish(ctx context.Context, events []event.Event) error {
	err := p.Publisher.Publish(ctx, events)
	var lost *event.LostError
	if errors.As(err, &lost) {
		p.log.Error("events lost", slog.Int("count", lost.Count()), slog.String("error", sentence(lost)))
		return nil
	}
	return err
}

func logAttempt(log *slog.Logger, m webhook.Message, r delivery.Result) {
	if r.Outcome == delivery.Dropped {
		return
	}
	attrs := []any{
		slog.Int64("user_id", m.UserID), slog.Int64("webhook_id", m.EndpointID), slog.String("event_id", m.Event.ID), slog.String("event", string(m.Event.Type)),
		slog.Int("attempt", r.Attempt.Number), slog.String("outcome", string(r.Outcome)), slog.Int("status", r.Attempt.Status), slog.String("failure", string(r.Attempt.Failure)),
	}
	if r.Err != nil {
		attrs = append(attrs, slog.String("error", sentence(r.Err)))
	}
	log.Info("attempt", attrs...)
}

// publishRecords publishes the events of records. What can't be read is left out.
func publishRecords(ctx context.Context, p event.Publisher, records []dynamo.StreamRecord) error {
	var all []event.Event
	for _, r := range records {
		events, _ := dynamo.EventsOf(r) // Fold reports what can't be read
		all = append(all, events...)
	}
	return publish(ctx, p, all)
}

// checkWebhook checks the flag --webhook before anything starts.
func (c *serveCmd) checkWebhook() error {
	if c.Webhook == nil {
		return nil
	}
	if *c.Webhook == "" {
		return problemf("--webhook is empty: give a URL, or leave the flag out")
	}
	if c.Endpoint != "" {
		return problemf("--webhook needs the engine that serve starts: leave out --endpoint")
	}
	if err := localRules().CheckURL(*c.Webhook); err != nil {
		return problemf("--webhook %s: %s", visible(*c.Webhook), sentence(err))
	}
	return nil
}

// registerWebhook makes a URL a webhook of the demo user, unless it is one, enables it,
// and has it get all events.
func registerWebhook(ctx context.Context, hooks *webhook.Service, d demo, url string) (webhook.Endpoint, error) {
	all, err := hooks.List(ctx, d.access)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	i := slices.IndexFunc(all, func(e webhook.Endpoint) bool { return e.URL == url })
	switch {
	case i < 0:
		e, err := hooks.Create(ctx, d.access, webhook.Settings{URL: &url}, webhook.NewSecret())
		if errors.Is(err, webhook.ErrLimit) {
			return e, problemf("user %s has %d webhooks already: delete one with `tokenctl webhook delete`", demoName, webhook.MaxEndpoints)
		}
		return e, err
	case all[i].Disabled == "" && len(all[i].Types) == 0:
		return all[i], nil
	default:
		return hooks.Update(ctx, d.access, all[i].ID, webhook.Settings{Types: &[]string{}, Disabled: new(false)})
	}
}
