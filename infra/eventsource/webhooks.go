package eventsource

import "time"

// These configure the queue of webhooks, which the function deliver reads.
const (
	// WebhooksName is the name of its event source.
	WebhooksName = "Webhooks"
	// WebhooksBatchSize is the largest number of messages in one event. Attempts of one
	// event are made at once, and the event ends with the slowest.
	WebhooksBatchSize = 10
	// WebhooksConcurrency is how many events are handled at a time. A new account may run
	// ten functions at a time, and half of them must be free for requests. Receivers that
	// take 15 s each get 3 messages a second then.
	WebhooksConcurrency = 5
	// WebhooksTimeout is that of the function: an attempt of at most 15 s, and the calls
	// before and after it, which may be repeated.
	WebhooksTimeout = time.Minute
	// WebhooksHidden is how long a message is hidden once it was received. Lambda
	// wants six times the timeout of the function.
	// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
	WebhooksHidden = 6 * WebhooksTimeout
	// WebhooksReceives is how often a message is received before it goes to the
	// dead-letter queue. It comes again, WebhooksHidden later, if the function fails or has
	// no execution free. That can happen 240 times in the day that an event is sent for, and
	// the function decides when an event is given up.
	WebhooksReceives = 500
)
