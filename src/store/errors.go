package store

import "errors"

var (
	// ErrNoOperation: there is no operation of that id.
	ErrNoOperation = errors.New("no such operation")
	// ErrSettled: the operation has ended and is never changed again.
	ErrSettled = errors.New("the operation is settled")
)
