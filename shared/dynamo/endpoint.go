package dynamo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// Endpoints implements webhook.Store.
func (s *Store) Endpoints(ctx context.Context, c token.Caller) ([]webhook.Endpoint, error) {
	if err := s.Authorize(ctx, c); err != nil {
		return nil, err
	}
	_, all, err := s.endpoints(ctx, c.UserID)
	return all, err
}

// EndpointsOf implements webhook.EndpointReader.
func (s *Store) EndpointsOf(ctx context.Context, userID int64) (all []webhook.Endpoint, unread, err error) {
	items, err := s.endpointItems(ctx, userID)
	for _, it := range items {
		r := reader{item: it}
		if r.number(SortKey) == 0 {
			continue
		}
		e, err := readEndpoint(it, userID)
		if err != nil {
			unread = cmp.Or(unread, err)
			continue
		}
		all = append(all, e)
	}
	return all, unread, err
}

// endpointItems reads the items of the endpoints of a user, by their ids.
func (s *Store) endpointItems(ctx context.Context, userID int64) ([]item, error) {
	items, err := s.query(ctx, endpointPartition(userID), wholePartition())
	if err != nil {
		return nil, fmt.Errorf("read the webhooks of user %d: %w", userID, err)
	}
	slices.Reverse(items)
	return items, nil
}

// endpoints reads the endpoints of a user, by their ids, and the highest id so far.
func (s *Store) endpoints(ctx context.Context, userID int64) (last int64, all []webhook.Endpoint, err error) {
	items, err := s.endpointItems(ctx, userID)
	if err != nil {
		return 0, nil, err
	}
	for _, it := range items {
		r := reader{item: it}
		if r.number(SortKey) == 0 {
			last = r.number(attrLastTokenID)
			if r.err != nil {
				return 0, nil, fmt.Errorf("read the webhooks of user %d: %w", userID, r.err)
			}
			continue
		}
		e, err := readEndpoint(it, userID)
		if err != nil {
			return 0, nil, err
		}
		all = append(all, e)
	}
	return last, all, nil
}

// CreateEndpoint implements webhook.Store. One transaction gives the id, stores the
// endpoint, and requires that the user is not being deleted.
func (s *Store) CreateEndpoint(ctx context.Context, c token.Caller, e webhook.Endpoint) (webhook.Endpoint, error) {
	by, err := s.authorizeChanges(ctx, c, 1)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	for attempt := range maxChangeAttempts {
		last, all, err := s.endpoints(ctx, c.UserID)
		if err != nil {
			return webhook.Endpoint{}, err
		}
		if i := slices.IndexFunc(all, func(other webhook.Endpoint) bool { return sameSecret(other.Secret, e.Secret) }); i >= 0 {
			return all[i], nil
		}
		if len(all) >= webhook.MaxEndpoints {
			return webhook.Endpoint{}, webhook.ErrLimit
		}
		e.ID = last + 1
		meta, head, own := newExpression(), newExpression(), newExpression()
		given := meta.name(attrLastTokenID)
		meta.require(given.exists() + " AND " + meta.name(attrDeleting).absent())
		meta.assign(given, given.placeholder) // as it is: only the condition matters, and a ConditionCheck would need another permission
		if last == 0 {
			head.require(head.name(attrLastTokenID).absent())
		} else {
			head.require(head.name(attrLastTokenID).equals(last))
		}
		head.set(attrLastTokenID, number(e.ID))
		own.require(own.name(PartitionKey).absent())
		it := endpointItem(e)
		it[attrNote] = by.note(history.WebhookCreated)
		reasons, err := s.transact(ctx, s.updateWrite(userKey(c.UserID), meta), s.updateWrite(endpointKey(c.UserID, 0), head), s.putWrite(it, own))
		switch {
		case err == nil:
			return e, nil
		case reasons == nil:
			return webhook.Endpoint{}, fmt.Errorf("create webhook %d/%d: %w", c.UserID, e.ID, err)
		case reasons[0].failed:
			return webhook.Endpoint{}, token.ErrUnauthorized
		}
		if err := pause(ctx, attempt); err != nil {
			return webhook.Endpoint{}, err
		}
	}
	return webhook.Endpoint{}, token.ErrContention
}

func sameSecret(a, b webhook.Secret) bool { return bytes.Equal(a.Key(), b.Key()) }

// UpdateEndpoint implements webhook.Store.
func (s *Store) UpdateEndpoint(ctx context.Context, c token.Caller, id int64, change webhook.Change) (webhook.Endpoint, error) {
	by, err := s.authorizeChanges(ctx, c, 1)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	e, policy, action := newExpression(), retryNotApplied(), history.WebhookUpdated
	e.require(e.name(attrURL).exists())
	setField(e, attrURL, change.URL, text)
	setField(e, attrEventTypes, change.Types, optionalList)
	switch {
	case change.Disabled != nil && *change.Disabled:
		e.set(attrReason, text(string(webhook.ByUser)))
	case change.Disabled != nil:
		e.set(attrReason, nil)
		e.set(attrFailingSince, nil)
	}
	if change.Secret != nil {
		policy, action = retryIdempotent(), history.WebhookRotated
		secret := e.name(attrSecret)
		value := e.value(binary(change.Secret.Key()))
		e.require(secret.placeholder + " <> " + value)
		e.assign(e.name(attrOldSecret), secret.placeholder)
		e.assign(secret, value)
		e.set(attrSecretUntil, number(change.PreviousUntil))
	}
	if *e.update() == "" {
		return s.Endpoint(ctx, c.UserID, id)
	}
	e.set(attrNote, by.note(action))
	e.add(attrRevision, 1)
	found, applied, err := s.update(ctx, endpointKey(c.UserID, id), e, policy)
	if err != nil {
		return webhook.Endpoint{}, fmt.Errorf("change webhook %d/%d: %w", c.UserID, id, err)
	}
	stored, err := foundEndpoint(found, c.UserID)
	if err == nil && !applied && (change.Secret == nil || !sameSecret(stored.Secret, *change.Secret)) {
		err = token.ErrContention
	}
	return stored, err
}

func foundEndpoint(it item, userID int64) (webhook.Endpoint, error) {
	if _, ok := it[attrURL]; !ok {
		return webhook.Endpoint{}, webhook.ErrNotFound
	}
	return readEndpoint(it, userID)
}

// DeleteEndpoint implements webhook.Store.
func (s *Store) DeleteEndpoint(ctx context.Context, c token.Caller, id int64) error {
	by, err := s.authorizeChanges(ctx, c, 1)
	if err != nil {
		return err
	}
	return s.deleteEndpoint(ctx, c.UserID, id, by)
}

// deleteEndpoint deletes an endpoint in one transaction with the note of the deletion,
// for which the endpoint's own item has no place any more.
func (s *Store) deleteEndpoint(ctx context.Context, userID, id int64, by changer) error {
	for attempt := range maxChangeAttempts {
		it, err := s.get(ctx, endpointKey(userID, id))
		if err != nil {
			return fmt.Errorf("read webhook %d/%d: %w", userID, id, err)
		}
		url, ok := it[attrURL]
		if !ok {
			return webhook.ErrNotFound
		}
		r := reader{item: it}
		shown := credential.Redact(history.ShownURL(r.text(attrURL))) // "" if it can't be read: then it can be deleted, too
		own, head := newExpression(), newExpression()
		own.require(own.name(attrURL).placeholder + " = " + own.value(url)) // else the note would have another
		head.require(head.name(attrLastTokenID).exists())                   // else the user is being deleted
		note := by.with(item{noteDeletedID: number(id), noteDeletedName: text(shown)})
		head.set(attrNote, note.note(history.WebhookDeleted))
		reasons, err := s.transact(ctx, s.deleteWrite(endpointKey(userID, id), own), s.updateWrite(endpointKey(userID, 0), head))
		switch {
		case err == nil:
			return nil
		case reasons == nil:
			return fmt.Errorf("delete webhook %d/%d: %w", userID, id, err)
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
	return token.ErrContention
}

// Endpoint implements delivery.Store.
func (s *Store) Endpoint(ctx context.Context, userID, id int64) (webhook.Endpoint, error) {
	it, err := s.get(ctx, endpointKey(userID, id))
	if err != nil {
		return webhook.Endpoint{}, fmt.Errorf("read webhook %d/%d: %w", userID, id, err)
	}
	return foundEndpoint(it, userID)
}

// RecordAttempt implements delivery.Store.
func (s *Store) RecordAttempt(ctx context.Context, of webhook.Endpoint, a webhook.Attempt) (webhook.Endpoint, error) {
	e := newExpression()
	e.require(e.name(attrURL).exists())
	e.set(attrLastAttempt, attemptMap(a))
	if since := e.name(attrFailingSince); a.Failure == "" {
		e.remove(since)
	} else {
		e.assign(since, since.orElse(e.value(number(a.Time))))
	}
	found, _, err := s.update(ctx, endpointKey(of.UserID, of.ID), e, retryIdempotent())
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return foundEndpoint(found, of.UserID)
}

// DisableEndpoint implements delivery.Store.
func (s *Store) DisableEndpoint(ctx context.Context, of webhook.Endpoint, reason webhook.Reason, now time.Time) error {
	e := newExpression()
	e.require(e.name(attrURL).placeholder + " = " + e.value(text(of.URL)))
	e.require(e.name(attrFailingSince).equals(of.FailingSince)) // else an attempt has succeeded, or the user has enabled it
	e.require(e.name(attrReason).absent())                      // else it is disabled already
	e.set(attrReason, text(string(reason)))
	e.set(attrNote, serviceAt(now).note(history.WebhookDisabled))
	e.add(attrRevision, 1)
	_, _, err := s.update(ctx, endpointKey(of.UserID, of.ID), e, retryIdempotent())
	return err
}
