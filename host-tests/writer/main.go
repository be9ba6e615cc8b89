// The command writer is a client as an application has one: it writes numbered keys to an etcd cluster all the time, and
// in the end reads back every write that was acknowledged.
//
// It runs in a pod. `writer run` writes, and is asked by `writer count`, which prints how many writes were acknowledged
// so far, and `writer finish`, which ends the writing, reads all back and prints a report as JSON.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/grpclog"
)

const (
	// Where `run` listens for the other two. Both are in the same pod.
	address = "127.0.0.1:7070"
	// How many keys are read back at once.
	page = 2000
)

func main() {
	log.SetFlags(log.Lmicroseconds | log.LUTC)
	if len(os.Args) < 2 {
		fatal(errors.New("the first argument is run, count or finish"))
	}
	switch verb := os.Args[1]; verb {
	case "run":
		fatal(run(os.Args[2:]))
	case "count", "finish":
		fatal(ask(verb))
	default:
		fatal(fmt.Errorf("there is no verb %q", verb))
	}
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "writer:", err)
		os.Exit(1)
	}
}

func ask(verb string) error {
	answer, err := http.Get("http://" + address + "/" + verb)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(text)))
	}
	_, err = os.Stdout.Write(text)
	return err
}

// report is what `finish` prints. Durations are in milliseconds.
type report struct {
	Acknowledged int `json:"acknowledged"`
	// Numbers whose write was acknowledged, and that are not there as they were written.
	Lost []int `json:"lost"`
	// Numbers whose write was acknowledged at a revision that is not above the one before: time went backwards.
	WentBack []int `json:"wentBack"`
	// How often a write was not acknowledged, by what the client got instead.
	Errors map[string]int `json:"errors"`
	// The longest time between two acknowledgements, and when it began.
	LongestGap   int64  `json:"longestGap"`
	LongestGapAt string `json:"longestGapAt"`
	Elapsed      int64  `json:"elapsed"`
}

type writer struct {
	client  *clientv3.Client
	timeout time.Duration
	pause   time.Duration
	prefix  string
	size    int
	ended   chan struct{}
	count   chan int
	report  report
	// The numbers whose write was acknowledged, in order.
	acknowledged []int
}

func run(args []string) error {
	flags := flag.NewFlagSet("run", flag.ExitOnError)
	endpoints := flags.String("endpoints", "", "addresses of members, separated by commas")
	certificates := flags.String("certificates", "", "folder with ca.crt, and perhaps tls.crt and tls.key")
	timeout := flags.Duration("timeout", time.Second, "how long one write may take")
	pause := flags.Duration("pause", 5*time.Millisecond, "what passes between two writes")
	prefix := flags.String("prefix", "writer/", "what all keys begin with")
	size := flags.Int("size", 64, "how long values are")
	if err := flags.Parse(args); err != nil {
		return err
	}
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	config := clientv3.Config{
		Endpoints:   strings.Split(*endpoints, ","),
		DialTimeout: *timeout,
		// A member whose machine is gone answers nothing, not even that it is gone.
		DialKeepAliveTime:    10 * time.Second,
		DialKeepAliveTimeout: 2 * time.Second,
	}
	if *certificates != "" {
		config.TLS = reading(*certificates)
	}
	client, err := clientv3.New(config)
	if err != nil {
		return err
	}
	defer client.Close()
	w := &writer{
		client: client, timeout: *timeout, pause: *pause, prefix: *prefix, size: *size,
		ended: make(chan struct{}), count: make(chan int),
		report: report{Errors: map[string]int{}, Lost: []int{}, WentBack: []int{}},
	}
	finish := make(chan struct{})
	go w.write(finish)

	mux := http.NewServeMux()
	mux.HandleFunc("/count", func(answer http.ResponseWriter, _ *http.Request) {
		select {
		case n := <-w.count:
			fmt.Fprintln(answer, n)
		case <-w.ended:
			http.Error(answer, "the writing has ended", http.StatusConflict)
		}
	})
	mux.HandleFunc("/finish", func(answer http.ResponseWriter, request *http.Request) {
		select {
		case finish <- struct{}{}:
		case <-w.ended:
		}
		<-w.ended
		report := w.report
		if err := w.verify(request.Context(), &report); err != nil {
			http.Error(answer, err.Error(), http.StatusInternalServerError)
			return
		}
		json.NewEncoder(answer).Encode(report)
	})
	return http.ListenAndServe(address, mux)
}

func (w *writer) write(finish <-chan struct{}) {
	defer close(w.ended)
	start := time.Now()
	last, revision := start, int64(0)
	for number := 1; ; number++ {
		pause := time.NewTimer(w.pause)
	waiting:
		for {
			select {
			case <-finish:
				// A gap that never closed counts as well.
				w.gap(last, time.Now())
				w.report.Elapsed = time.Since(start).Milliseconds()
				w.report.Acknowledged = len(w.acknowledged)
				return
			case w.count <- len(w.acknowledged):
			case <-pause.C:
				break waiting
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), w.timeout)
		put, err := w.client.Put(ctx, w.key(number), w.value(number))
		cancel()
		if err != nil {
			if w.report.Errors[err.Error()]++; w.report.Errors[err.Error()] == 1 {
				log.Printf("%d: %v", number, err)
			}
			continue
		}
		now := time.Now()
		if len(w.acknowledged) > 0 {
			w.gap(last, now)
		}
		if put.Header.Revision <= revision {
			w.report.WentBack = append(w.report.WentBack, number)
		}
		last, revision = now, put.Header.Revision
		w.acknowledged = append(w.acknowledged, number)
	}
}

func (w *writer) gap(from, to time.Time) {
	if gap := to.Sub(from).Milliseconds(); gap > w.report.LongestGap {
		w.report.LongestGap = gap
		w.report.LongestGapAt = from.UTC().Format("15:04:05.000")
		if gap > 500 {
			log.Printf("nothing was acknowledged for %d ms from %s on", gap, w.report.LongestGapAt)
		}
	}
}

// verify reads back all keys, each page by a linearizable read.
func (w *writer) verify(ctx context.Context, report *report) error {
	found := make(map[string]string, len(w.acknowledged))
	from, end := w.prefix, clientv3.GetPrefixRangeEnd(w.prefix)
	for {
		read, err := w.get(ctx, from, end)
		if err != nil {
			return fmt.Errorf("reading back from %s: %w", from, err)
		}
		for _, pair := range read.Kvs {
			found[string(pair.Key)] = string(pair.Value)
			from = string(pair.Key) + "\x00"
		}
		if !read.More {
			break
		}
	}
	for _, number := range w.acknowledged {
		if found[w.key(number)] != w.value(number) {
			report.Lost = append(report.Lost, number)
		}
	}
	return nil
}

// get tries again for as long as a client is ready to wait: what is asked is whether a write is there, not how soon.
func (w *writer) get(ctx context.Context, from, end string) (read *clientv3.GetResponse, err error) {
	deadline := time.Now().Add(30 * time.Second)
	for {
		limited, cancel := context.WithTimeout(ctx, 5*time.Second)
		read, err = w.client.Get(limited, from, clientv3.WithRange(end), clientv3.WithLimit(page))
		cancel()
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return read, err
		}
	}
}

func (w *writer) key(number int) string {
	return fmt.Sprintf("%s%08d", w.prefix, number)
}

func (w *writer) value(number int) string {
	value := fmt.Sprintf("%d ", number)
	return value + strings.Repeat(".", max(0, w.size-len(value)))
}

// reading gives the settings of a client that reads its certificates anew for each connection, as they are renewed.
func reading(folder string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key"))
			if errors.Is(err, os.ErrNotExist) {
				return &tls.Certificate{}, nil
			}
			return &pair, err
		},
		// Go's own check uses authorities that are read once: VerifyConnection does the same with those of now.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			authorities, err := os.ReadFile(filepath.Join(folder, "ca.crt"))
			if err != nil {
				return err
			}
			roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
			roots.AppendCertsFromPEM(authorities)
			for _, certificate := range state.PeerCertificates[1:] {
				intermediates.AddCert(certificate)
			}
			_, err = state.PeerCertificates[0].Verify(x509.VerifyOptions{
				DNSName: state.ServerName, Roots: roots, Intermediates: intermediates,
			})
			return err
		},
	}
}
