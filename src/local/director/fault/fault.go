// Package fault holds the errors of a BOSH Director: a numeric code, a text, and the HTTP status
// when the error is an answer to a request (reference/director-api.md §19).
package fault

import (
	"errors"
	"fmt"
	"net/http"
)

// Codes of the Director that more than one part of it uses; the full list is
// reference/director-api.md §19.
const (
	General              = 100
	TaskNotFound         = 10000
	TaskCancelled        = 10001
	ReleaseInvalid       = 30002
	ReleaseNotFound      = 30005
	ReleaseVersion       = 30006
	ReleaseInUse         = 30007
	ReleaseVersionInUse  = 30008
	InvalidType          = 40000
	MissingField         = 40001
	WrongType            = 40002
	TooSmall             = 40003
	InvalidValue         = 40005
	StemcellInvalid      = 50000
	StemcellNotFound     = 50003
	StemcellInUse        = 50004
	DeploymentNotFound   = 70000
	InstanceNotFound     = 70001
	InvalidInstance      = 70002
	ErrandNotFound       = 70009
	InvalidContextID     = 70010
	Resource             = 100001
	ResourceNotFound     = 100002
	NoFreeIP             = 130011
	UnknownRelease       = 140002
	UnknownVMType        = 140004
	UnknownStemcell      = 140005
	InvalidJobState      = 140007
	UnknownDiskType      = 140012
	IgnoredInstanceState = 140021
	UnknownJob           = 140029
	UnknownNetwork       = 150001
	StaticIPs            = 150002
	AZMismatch           = 150006
	InvalidWatchTime     = 180001
	DuplicateRelease     = 190002
	IgnoredRemoval       = 190020
	IgnoredDelete        = 190021
	NameRequired         = 190024
	InvalidContext       = 190025
	NotRunning           = 400007
	ResurrectorPaused    = 410004
	BadManifest          = 440001
	BadConfigRequest     = 440010
	BadConfigContent     = 440011
	ConfigNotFound       = 440012
	AgentFailed          = 450001
	AgentSilent          = 450002
	Unauthorized         = 600000
	BadJSON              = 710001
	LinkNotFound         = 810000
	LinkProviderMissing  = 810001
	LinkProviderInvalid  = 810002
	LinkConsumerInvalid  = 810003
	LinkNotExternal      = 810005
	LinkIDMissing        = 810006
	LinkStatusInvalid    = 810007
	LinkAZInvalid        = 810008
	LinkNotShared        = 810009
)

// Error is a Director error.
type Error struct {
	// Code is the number clients see; General when the error has no class of its own.
	Code int
	// Message is the full text.
	Message string
	// Status is the HTTP status when the error answers a request; 0 means 400.
	Status int
}

// New returns an error for a task or a 400 answer.
func New(code int, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// NotFound returns an error for a 404 answer.
func NotFound(code int, format string, args ...any) *Error {
	return WithStatus(http.StatusNotFound, code, format, args...)
}

// WithStatus returns an error for an answer with another status.
func WithStatus(status, code int, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Status: status}
}

// Error returns the message alone: the Director never prints its codes in texts.
func (e *Error) Error() string { return e.Message }

// HTTPStatus returns the status of the answer.
func (e *Error) HTTPStatus() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// From returns err as a Director error; one that is none gets the general code.
func From(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: General, Message: err.Error()}
}
