// Threads that help with a call. Part of kernel.cpp.
//
// Whoever is free takes the next chunk of the present job, so that a thread which the system has put aside delays
// nothing but the chunk it holds. Those without work spin for some microseconds, give way to others for some more, and
// then sleep: on a busy machine threads that wait by spinning take the time of those that would have worked.

#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace {

class Team {
  public:
    std::mutex in_use;  // by one call at a time

    // The process's team. A forked child has none of its parent's threads, and so starts one of its own.
    static Team& mine() {
        static std::atomic<Team*> current{nullptr};
        Team* team = current.load();
        if (!team || team->process_ != getpid()) {
            Team* fresh = new Team;  // never deleted: its threads live as long as the process
            if (current.compare_exchange_strong(team, fresh)) return *fresh;
            delete fresh;  // another thread was faster
        }
        return *team;
    }

    void set_helpers(int helpers) {
        try {
            while (started_ < helpers) {
                std::thread(&Team::help, this, started_).detach();
                started_++;
            }
        } catch (const std::system_error&) {  // no more threads to be had: those that run share the work
        }
        helpers_.store(helpers);
    }

    // work(chunk) for every chunk from 0 on; returns when all are done.
    template <class Work> void share(int chunks, Work& work) {
        call_ = [](void* what, int chunk) { (*static_cast<Work*>(what))(chunk); };
        what_ = &work;
        chunks_ = chunks;
        unfinished_.store(chunks, std::memory_order_relaxed);
        waiting_.store(chunks);
        if (asleep_.load() > 0) {
            std::lock_guard<std::mutex> lock(sleep_);
            wake_.notify_all();
        }
        while (take_one()) {
        }
        for (int spins = 0; unfinished_.load(std::memory_order_acquire) > 0; spins++) rest(spins);
    }

  private:
    static constexpr int SPINS = 500, YIELDS = 500;
    const pid_t process_ = getpid();
    int started_ = 0, chunks_ = 0;
    void (*call_)(void*, int) = nullptr;
    void* what_ = nullptr;
    std::atomic<int> helpers_{0}, asleep_{0};
    alignas(64) std::atomic<int> waiting_{0};
    alignas(64) std::atomic<int> unfinished_{0};
    std::mutex sleep_;
    std::condition_variable wake_;

    static void rest(int spins) {
        if (spins > SPINS) return std::this_thread::yield();
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
    }

    // The job's fields are read only while a chunk of it is held, and it cannot change before that chunk is done.
    bool take_one() {
        int left = waiting_.load(std::memory_order_acquire);
        while (left > 0)
            if (waiting_.compare_exchange_weak(left, left - 1, std::memory_order_acquire)) {
                call_(what_, chunks_ - left);
                unfinished_.fetch_sub(1, std::memory_order_release);
                return true;
            }
        return false;
    }

    void help(int number) {
        for (int spins = 0;; spins++) {
            bool wanted = number < helpers_.load(std::memory_order_relaxed);
            if (wanted && take_one())
                spins = 0;
            else if (wanted && spins < SPINS + YIELDS)
                rest(spins);
            else {
                std::unique_lock<std::mutex> lock(sleep_);
                asleep_++;
                wake_.wait(lock, [&] { return number < helpers_.load() && waiting_.load() > 0; });
                asleep_--;
                spins = 0;
            }
        }
    }
};

}  // namespace
