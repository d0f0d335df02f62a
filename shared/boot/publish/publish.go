// Package publish makes the Lambda functions that send events on: history publishes
// them to a bus of EventBridge and to the queue of webhooks, and deliver reads that
// queue. It is apart from shared/boot, so that the other functions do not contain the
// clients of EventBridge, its Scheduler, and SQS.
package publish

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
)

// RunHistory is the main of the function that adds up the history of tokens and
// publishes events; see boot.History.
func RunHistory() {
	boot.Start(func(e boot.Environment, log *slog.Logger) lambda.Handler {
		store := e.Store()
		out := publishers(e, store)
		return boot.History(store, dynamo.EventsOf, out, &boot.Timers{Store: store, Scheduler: schedulerOf(e), Publisher: out, Now: time.Now}, time.Now, log)
	})
}

// RunDeliver is the main of the function that sends events to webhooks; see Deliver.
func RunDeliver() {
	boot.Start(func(e boot.Environment, log *slog.Logger) lambda.Handler {
		client := delivery.NewClient(webhook.Rules{}, delivery.Timeout, time.Now)
		d := &delivery.Deliverer{Store: e.Store(), Send: client.Send, Now: time.Now}
		return Deliver(d, queueOf(e), log)
	})
}

// publishers returns what the environment names: the bus, and the queue of webhooks.
func publishers(e boot.Environment, endpoints webhook.EndpointReader) (all event.Publishers) {
	if e.EventBus != "" {
		client := eventbridge.New(eventbridge.Options{Region: e.Region, Credentials: e.Credentials, BaseEndpoint: endpoint(e), HTTPClient: httpClient()})
		all = append(all, NewBus(client, e.EventBus, time.Now))
	}
	if e.WebhookQueue != "" {
		all = append(all, webhook.NewSender(endpoints, queueOf(e), time.Now))
	}
	return all
}

func queueOf(e boot.Environment) *Queue {
	client := sqs.New(sqs.Options{Region: e.Region, Credentials: e.Credentials, BaseEndpoint: endpoint(e), HTTPClient: httpClient()})
	return &Queue{client, e.WebhookQueue}
}

// schedulerOf returns nil if the environment names no group of schedules.
func schedulerOf(e boot.Environment) boot.Scheduler {
	if e.ScheduleGroup == "" {
		return nil
	}
	client := scheduler.New(scheduler.Options{Region: e.Region, Credentials: e.Credentials, BaseEndpoint: endpoint(e), HTTPClient: httpClient()})
	return &Schedules{Client: client, Group: e.ScheduleGroup, Role: e.ScheduleRole}
}

func endpoint(e boot.Environment) *string {
	if e.AWSEndpoint == "" {
		return nil
	}
	return &e.AWSEndpoint
}

// httpClient returns a client whose attempts end. The SDK makes up to three.
func httpClient() *http.Client {
	const attemptTimeout = 5 * time.Second
	return &http.Client{Timeout: attemptTimeout, Transport: &http.Transport{
		TLSHandshakeTimeout: attemptTimeout, MaxIdleConnsPerHost: maxCalls, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
	}}
}

// A call of EventBridge and of SQS takes up to maxEntries entries, of 256 KiB together.
// Ten events are smaller: see event.MaxBytes. So many calls are made at a time.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
const (
	maxEntries = 10
	maxCalls   = 8
	maxSends   = 4                     // how often an entry is sent that is refused each time
	firstPause = 50 * time.Millisecond // doubles
)

// A sender sends up to maxEntries entries, and returns those that were refused and why,
// without those that are lost because they would be refused each time. An error means
// that none of them is sure to have arrived.
type sender[T any] func(ctx context.Context, entries []T) (refused []T, why string, lost *event.LostError, err error)

// sendAll sends entries in calls of up to maxEntries. It sends those that were refused
// again. After an error, some of the entries may have arrived. An event.LostError is the
// only error if there is one.
func sendAll[T any](ctx context.Context, entries []T, send sender[T]) error {
	var (
		calls sync.WaitGroup
		mu    sync.Mutex
		errs  []error
		lost  *event.LostError
	)
	slots := make(chan struct{}, maxCalls)
	for start := 0; start < len(entries); start += maxEntries {
		batch := entries[start:min(start+maxEntries, len(entries))]
		slots <- struct{}{}
		calls.Go(func() {
			defer func() { <-slots }()
			refused, err := sendBatch(ctx, batch, send)
			mu.Lock()
			defer mu.Unlock()
			lost = lost.Add(refused)
			if err != nil {
				errs = append(errs, err)
			}
		})
	}
	calls.Wait()
	if len(errs) == 0 {
		return lost.Err()
	}
	return fmt.Errorf("%d of %d calls failed, the first: %w", len(errs), (len(entries)+maxEntries-1)/maxEntries, errs[0])
}

func sendBatch[T any](ctx context.Context, batch []T, send sender[T]) (lost *event.LostError, err error) {
	for attempt := 1; ; attempt++ {
		refused, why, more, err := send(ctx, batch)
		lost = lost.Add(more)
		switch {
		case err != nil || len(refused) == 0:
			return lost, err
		case attempt == maxSends:
			return lost, fmt.Errorf("%d entries were refused %d times (%s)", len(refused), maxSends, why)
		}
		batch = refused
		select {
		case <-ctx.Done():
			return lost, ctx.Err()
		case <-time.After(firstPause << attempt):
		}
	}
}
