package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"github.com/pks-community/pks-release/src/pks"
)

// ErrNoPostgres: this machine has no PostgreSQL server to run.
var ErrNoPostgres = errors.New("no postgres and initdb in PATH or under /usr/lib/postgresql")

const postgresStart = 60 * time.Second

// Postgres is a private server: its files are in a folder of its own, and it
// listens on a socket there and nowhere else.
type Postgres struct {
	folder string
	bin    string
	as     *syscall.Credential
}

// StartPostgres makes and starts a server, or returns ErrNoPostgres. As root it
// runs it as another user, since PostgreSQL refuses to run as root.
func StartPostgres(ctx context.Context) (_ *Postgres, err error) {
	bin, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "pks-postgres-")
	if err != nil {
		return nil, fmt.Errorf("make folder of postgres: %w", err)
	}
	p := &Postgres{folder: folder, bin: bin}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(folder))
		}
	}()
	if os.Getuid() == 0 {
		if err := p.becomeAnother(); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, postgresStart)
	defer cancel()
	if err := p.run(ctx, "initdb", "-D", p.data(), "-U", "pks", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"); err != nil {
		return nil, err
	}
	options := fmt.Sprintf("-c listen_addresses= -c unix_socket_directories='%s' -c fsync=off -c synchronous_commit=off -c max_connections=300", folder)
	if err := p.run(ctx, "pg_ctl", "-D", p.data(), "-l", filepath.Join(folder, "log"), "-o", options, "-w", "start"); err != nil {
		return nil, err
	}
	return p, nil
}

// Stop ends the server and removes its files.
func (p *Postgres) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), postgresStart)
	defer cancel()
	return errors.Join(p.run(ctx, "pg_ctl", "-D", p.data(), "-m", "immediate", "-w", "stop"), os.RemoveAll(p.folder))
}

// Database makes an empty database, which is removed with the test, and returns
// its connection string.
func (p *Postgres) Database(t testing.TB) pks.Secret {
	t.Helper()
	name := "t" + strings.ReplaceAll(uuid.NewString(), "-", "")
	p.admin(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { p.admin(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	return p.dsn(name)
}

func (p *Postgres) dsn(database string) pks.Secret {
	return pks.Secret(fmt.Sprintf("host=%s user=pks dbname=%s sslmode=disable", p.folder, database))
}

func (p *Postgres) admin(t testing.TB, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", p.dsn("postgres").Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Error(err)
	}
}

func (p *Postgres) data() string { return filepath.Join(p.folder, "data") }

func (p *Postgres) run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, program), args...)
	cmd.Dir = p.folder
	// A server that is started must not keep a pipe of ours, so output goes to a file.
	out, err := os.CreateTemp(p.folder, program)
	if err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as}
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s: %w: %s", program, err, bytes.TrimSpace(said))
	}
	return nil
}

// becomeAnother gives the folder to a user who has nothing else here.
func (p *Postgres) becomeAnother() error {
	var found *user.User
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			found = u
			break
		}
	}
	if found == nil {
		return fmt.Errorf("%w: it does not run as root, and there is neither a user postgres nor nobody", ErrNoPostgres)
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return fmt.Errorf("user %s: %w", found.Username, err)
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return fmt.Errorf("user %s: %w", found.Username, err)
	}
	p.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(p.folder, int(uid), int(gid))
}

// postgresPrograms finds the folder of initdb, pg_ctl and postgres, where Debian
// has them too.
func postgresPrograms() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", ErrNoPostgres
	}
	return filepath.Dir(found[len(found)-1]), nil
}
